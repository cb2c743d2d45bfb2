import { isLayerhookError, type LayerhookError } from '../../errors/index.js';

/** `error`: programs refuse the image; `warning`: programs may disagree about it; `note`: harmless. */
export type Severity = 'error' | 'warning' | 'note';

/** Codes of findings beyond those of errors: docs/images.md, "Checking a layout". */
export type FindingCode =
  | 'BLOB_UNREFERENCED'
  | 'COMPRESSION_MISMATCH'
  | 'FILE_STRAY'
  | 'HISTORY_COUNT'
  | 'PLATFORM_MISMATCH'
  | 'PLATFORM_MISSING'
  | 'SUBJECT_MISSING'
  | 'TAG_DUPLICATE'
  | 'TAG_MALFORMED'
  | 'WRITER_LEFTOVER';

/** One fact that a check has found. */
export interface Finding {
  severity: Severity;
  code: FindingCode | LayerhookError['code'];
  /** one line */
  message: string;
  /** the blob, if the finding is about one */
  digest?: string;
  /** the tag that led there first, if one did */
  tag?: string;
}

/** Converts an error of reading into a finding. Rethrows errors that are not faults of the image. */
export function findingOf(error: unknown, at: Pick<Finding, 'digest' | 'tag'>): Finding {
  if (!isLayerhookError(error) || isLayerhookError(error, 'ABORTED')) throw error;
  const { code, message } = error;
  // the layer may be sound: this machine cannot decompress it
  const severity = code === 'COMPRESSION_UNAVAILABLE' ? 'warning' : 'error';
  return { severity, code, message, ...at };
}
