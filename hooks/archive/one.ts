import { isAbsolute } from 'node:path';
import {
  type ArchiveRequest,
  type ArchiveResult,
  LayerhookError,
  type Logger,
  type ProgressBars,
  reasonOf,
} from 'layerhook';
import { identityOfPath, sweepTemporaries } from 'layerhook/system';
import type { ArchiveRecord, Records } from './records.js';
import { SuccessFile } from './success.js';
import { inParent, type TrustedPath } from './trusted-path.js';

/** What every archive needs. */
export interface Means {
  /** null: records cannot be written */
  records: Records | null;
  hooksFile: string | undefined;
  signal: AbortSignal;
  log: Logger;
  /** undefined without a terminal */
  bars: ProgressBars | undefined;
}

/**
 * Makes one archive, then its success file. An older success file is removed first.
 *
 * @throws LayerhookError
 */
export async function makeArchive(
  { request, success, lowerdirIds }: Pick<ArchiveRecord, 'request' | 'success' | 'lowerdirIds'>,
  { records, hooksFile, signal, log, bars }: Means,
): Promise<ArchiveResult> {
  const { name, key, destination, upperdir, mountPoint, method } = request;
  requireAbsolute(destination);
  const untrusted = [...(request.containerPaths ?? ['/']), upperdir];
  const place = { path: destination, untrusted };
  const file = success === '' ? null : successOf(success, [...untrusted, destination]);
  let result: ArchiveResult = { archived: destination };
  if (records?.isMade(key, place)) {
    log.info(`Archive ${name} was made before the hook was interrupted`);
    inParent(place, sweepTemporaries);
  } else {
    file?.remove(log);
    if (identityOfPath(upperdir) === null)
      throw new LayerhookError('ARCHIVE_UPPERDIR', { mountPoint, reason: `${upperdir} is gone` });
    log.info(`Archiving upperdir from ${upperdir} to ${destination} for archive ${name}`, { method });
    const { archiveUpperdir } = await import('layerhook');
    const full: ArchiveRequest = {
      ...request,
      lowerdirs: knownLowerdirs(request, lowerdirIds),
      identity: method === 'oci' ? '' : (records?.claimOf(key, destination) ?? ''),
      replace: records?.owns(place) ?? false,
    };
    const options = { hooksFile, signal, log, onProgress: bars?.onProgress };
    result = await archiveUpperdir(full, options).finally(() => bars?.stop());
  }
  if (method === 'copy') own(records, key, place, log);
  file?.write();
  log.info(`Archived ${name} to ${result.archived}`, { bytes: result.bytes, entries: result.entries });
  return result;
}

/** Records that the hook made the directory. The archive is complete without the record, but no later one can replace it. */
function own(records: Records | null, key: string, place: TrustedPath, log: Logger): void {
  try {
    records?.own(key, place);
  } catch (error) {
    log.warn(`Cannot record that ${place.path} is an archive: ${reasonOf(error)}`);
  }
}

/** Drops lowerdirs if one was unmounted: against an empty directory, every file would be new. */
function knownLowerdirs({ lowerdirs }: { lowerdirs: string[] }, ids: string[]): string[] {
  return lowerdirs.every((path, at) => identityOfPath(path) === ids[at]) ? lowerdirs : [];
}

function requireAbsolute(path: string): void {
  if (isAbsolute(path)) return;
  const reason = 'the path is relative, and a hook can run in any directory';
  throw new LayerhookError('ARCHIVE_DESTINATION', { path, reason, expected: 'name an absolute path' });
}

/** Opens the success file. A copy has files of the container, so its directories are untrusted too. */
function successOf(path: string, untrusted: string[]): SuccessFile {
  requireAbsolute(path);
  return new SuccessFile({ path, untrusted });
}
