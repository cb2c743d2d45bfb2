import { statSync } from 'node:fs';
import { isLayerhookError } from '../errors/index.js';
import { dropInHeading, sameToml } from '../text/toml-edit.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';
import { type CtkRecord, formatRecord, readRecord, recordFile, sha256 } from './record.js';
import type { Addition, ConfigFormat, Presence } from './types.js';

/** A configuration: where it is, and how its engine reads it. */
export interface ConfigTarget {
  format: ConfigFormat;
  file: string;
}

/**
 * What to write so that a configuration has something of ours. Nothing if it has it already, as asked. Its other
 * settings, comments and layout stay; what was written is parsed again and compared before it is given back.
 *
 * @param dropIn write a file of our own beside the configuration, where the engine reads such files
 * @throws LayerhookError CTK_CONFIG, and nothing is to be written then
 */
export function planAddition(
  { format, file }: ConfigTarget,
  added: Addition,
  { dropIn }: { dropIn: boolean },
): FileChange[] {
  return inFile(file, () => {
    const before = readText(file);
    if (dropIn) return planDropIn(format, file, before, added);
    const text = before ?? '';
    if (added.isAsAsked(text)) return [];
    const after = added.add(text, format.inherited(file, text));
    verify(format, text, after, added);
    assertRead(format.inherited(file, after), added);
    return remember({ file, before, after }, added);
  });
}

/**
 * What to write so that a configuration has no longer something of ours: one that nobody has changed since becomes
 * what it was, byte for byte; of one that was changed only what is ours goes, and what was there before is given back.
 *
 * @throws LayerhookError CTK_CONFIG
 */
export function planRemoval({ format, file }: ConfigTarget, ours: Presence): FileChange[] {
  return inFile(file, () => {
    const dropIn = format.dropIn?.(file, ours.dropInName);
    const dropped = dropIn === undefined ? undefined : readText(dropIn);
    const changes: FileChange[] =
      dropped === undefined ? [] : [{ file: dropIn!, before: dropped, after: undefined }];
    const before = readText(file);
    const record = readRecord(file);
    const after = before === undefined ? undefined : restore(before, ours, record);
    if (after !== before) changes.push({ file, before, after });
    if (record[ours.key] !== undefined) {
      const others = without(record, ours.key);
      const left =
        before === undefined
          ? others
          : rebase(others, { before, after }, (text) => restore(text, ours, record));
      changes.push(recordChange(file, record, left));
    }
    return changes;
  });
}

/** A file of our own that the engine reads beside its configuration, and what the configuration needs to read it. */
function planDropIn(
  format: ConfigFormat,
  file: string,
  before: string | undefined,
  added: Addition,
): FileChange[] {
  const dropIn = format.dropIn?.(file, added.dropInName);
  if (dropIn === undefined) throw configError('', `${format.engine} reads no drop-in files`);
  const text = before ?? '';
  const whole = format.inherited(file, text, { file: dropIn, text: undefined });
  const content = dropInHeading + added.add(format.dropInStart(text, whole, added), whole);
  verify(format, '', content, added);
  const old = readText(dropIn);
  const mode = modeOf(file);
  const changes: FileChange[] = old === content ? [] : [{ file: dropIn, before: old, after: content, mode }];
  const after = format.reading(file, text, dropIn);
  assertRead(format.inherited(file, after, { file: dropIn, text: content }), added);
  return after === text ? changes : [...changes, ...remember({ file, before, after }, added)];
}

/** The changes with the record of what was there before. */
function remember(change: FileChange, added: Addition): FileChange[] {
  const { file, before, after = '' } = change;
  const record = readRecord(file);
  const old = record[added.key];
  const isUntouched = old !== undefined && before !== undefined && sha256(before) === old.written;
  const original = isUntouched
    ? old.original
    : old !== undefined && before !== undefined
      ? added.remove(before, old.former)
      : (before ?? null);
  const entry = { original, written: sha256(after), former: added.former(before ?? '', old?.former) };
  return [recordChange(file, record, { ...record, [added.key]: entry }), change];
}

/** What is remembered for others of ours, whose text was the last: as if this had never been there. */
function rebase(
  record: CtkRecord,
  { before, after = '' }: { before: string; after: string | undefined },
  remove: (text: string) => string | undefined,
): CtkRecord {
  const entries = Object.entries(record).map(([key, entry]) => {
    if (entry.written !== sha256(before)) return [key, entry] as const;
    const original = entry.original === null ? null : (remove(entry.original) ?? null);
    return [key, { ...entry, original, written: sha256(after) }] as const;
  });
  return Object.fromEntries(entries);
}

function restore(text: string, ours: Presence, record: CtkRecord): string | undefined {
  const entry = record[ours.key];
  if (entry !== undefined && sha256(text) === entry.written) return entry.original ?? undefined;
  if (!ours.isThere(text)) return text;
  const after = ours.remove(text, entry?.former);
  if (readAgain(() => ours.isThere(after))) {
    throw configError('', `${ours.key} cannot be taken out of it without writing it anew`);
  }
  return after;
}

/** What is written says what was asked, and all else what it said before. */
function verify(format: ConfigFormat, before: string, after: string, added: Addition): void {
  const isAsAsked = readAgain(() => added.isAsAsked(after));
  const former = added.former(before, undefined);
  const clean = (text: string) => format.values(added.remove(text, former));
  const isElseSame = before.trim() === '' || sameToml(clean(after), clean(before));
  if (!isAsAsked || !isElseSame)
    throw configError('', `${added.key} cannot be put into it without writing it anew`);
}

/** What the engine sees is what was asked: no file that it reads later says otherwise. */
function assertRead(whole: string, added: Addition): void {
  if (added.isAsAsked(whole)) return;
  throw configError(
    '',
    `a file that is read after it takes the place of what would be written (${added.key})`,
  );
}

/** Errors of a text that was changed are those of its layout. */
export function readAgain<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = isLayerhookError(error) ? error.details.reason : (error as Error).message;
    throw configError('', `its layout does not allow it: ${String(reason)}`);
  }
}

function recordChange(file: string, before: CtkRecord, after: CtkRecord): FileChange {
  // it has a copy of the configuration, which may hold passwords of registries
  return { file: recordFile(file), before: formatRecord(before), after: formatRecord(after), mode: 0o600 };
}

/** What a copy of a part of it may show, too. */
function modeOf(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.mode ?? 0o644) & 0o777;
}

function without(record: CtkRecord, key: string): CtkRecord {
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
}

/** Errors of an engine's format are about the file at hand. */
function inFile<T>(file: string, plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    if (!isLayerhookError(error, 'CTK_CONFIG') || error.details.file !== '') throw error;
    throw configError(file, String(error.details.reason));
  }
}
