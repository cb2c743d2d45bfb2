import { createHash } from 'node:crypto';
import { isObject } from '../text/is-object.js';
import { configError } from './error.js';
import { readText } from './files.js';
import type { Former } from './types.js';

/** What is remembered of a configuration that something of ours was added to. */
export interface RecordEntry {
  /** the text before; null if there was no file */
  original: string | null;
  /** sha256 of the text that was written: if it is another now, somebody has changed it since */
  written: string;
  /** what stood in the place of ours, such as the name of the default runtime */
  former: Former;
}

/** By keys of what was added. */
export type CtkRecord = Readonly<Record<string, RecordEntry>>;

/** The record stands beside the configuration that it is about: engines read no file of that name. */
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
    throw configError(file, 'it is not JSON; remove it to go on without what it remembers');
  }
  if (!isObject(entries) || !Object.values(entries).every(isObject)) {
    throw configError(file, 'it is no record of ctk; remove it to go on without what it remembers');
  }
  return entries as unknown as CtkRecord;
}

/** The record as text, or undefined if nothing is left to remember. */
export function formatRecord(record: CtkRecord): string | undefined {
  return Object.keys(record).length === 0 ? undefined : `${JSON.stringify(record, null, 2)}\n`;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
