import { createHash } from 'node:crypto';
import { isObject } from '../text/is-object.js';
import { configError } from './error.js';
import { readText } from './files.js';
import type { Former } from './types.js';

/** The record of one addition to a configuration. */
interface RecordEntry {
  /** the text before; null if the file was new */
  original: string | null;
  /** sha256 of the text that was written: a different hash shows that the file has changed since */
  written: string;
  /** the values that the addition replaced, such as the name of the default runtime */
  former: Former;
}

/** Records by the keys of the additions. */
export type CtkRecord = Readonly<Record<string, RecordEntry>>;

/** Returns the path of the record, beside the configuration. Engines do not read files with this suffix. */
export function recordFile(configFile: string): string {
  return `${configFile}.layerhook-ctk`;
}

export function readRecord(configFile: string): CtkRecord {
  const file = recordFile(configFile);
  const text = readText(file);
  if (text === undefined) return {};
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    throw configError(file, 'it is not JSON; remove it to continue without the former settings');
  }
  if (!isObject(entries) || !Object.values(entries).every(isObject)) {
    throw configError(file, 'it is not a record of ctk; remove it to continue without the former settings');
  }
  return entries as unknown as CtkRecord;
}

/** Returns the record as text; undefined for an empty record. */
export function formatRecord(record: CtkRecord): string | undefined {
  return Object.keys(record).length === 0 ? undefined : `${JSON.stringify(record, null, 2)}\n`;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
