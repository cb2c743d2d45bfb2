import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isLayerhookError } from '../errors/index.js';
import { dropInHeading, sameToml } from '../text/toml-edit.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';
import { type CtkRecord, formatRecord, readRecord, recordFile, sha256 } from './record.js';
import type { Addition, ConfigFormat, Presence } from './types.js';

/** A configuration: its file, and the format of its engine. */
export interface ConfigTarget {
  format: ConfigFormat;
  file: string;
}

/**
 * Returns the files to write so that a configuration gets an addition; an empty list if it has the addition already.
 * The other settings, comments and layout stay. The new text is parsed again and compared before it is returned.
 *
 * @param dropIn True to write a drop-in file beside the configuration, for engines that read such files.
 * @throws LayerhookError CTK_CONFIG if the configuration cannot be changed
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
    const after = added.add(text, inheritedWithout({ format, file }, added));
    verify(format, text, after, added);
    assertRead(format.inherited(file, after), added);
    return remember({ file, before, after }, added);
  });
}

/** Returns the configuration as the engine sees it without an addition, with its former values. */
export function inheritedWithout({ format, file }: ConfigTarget, ours: Presence): string {
  const text = readText(file) ?? '';
  const clean = ours.isThere(text) ? ours.remove(text, readRecord(file)[ours.key]?.former) : text;
  const dropIn = format.dropIn?.(file, ours.dropInName);
  const other = dropIn === undefined ? undefined : { file: dropIn, text: undefined };
  return format.inherited(file, clean, other);
}

/**
 * Returns the files to write so that a configuration loses an addition. A configuration that has not changed since
 * becomes what it was, byte for byte. In a changed one, only our settings are removed, and the former values restored.
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

/** Returns the drop-in file, and the configuration if it must change so that the engine reads the drop-in file. */
function planDropIn(
  format: ConfigFormat,
  file: string,
  before: string | undefined,
  added: Addition,
): FileChange[] {
  const dropIn = format.dropIn?.(file, added.dropInName);
  if (dropIn === undefined) throw configError('', `${format.engine} does not read drop-in files`);
  const text = before ?? '';
  const whole = inheritedWithout({ format, file }, added);
  const content = dropInHeading + added.add(format.dropInStart(text, whole, added), whole);
  verify(format, '', content, added);
  const old = readText(dropIn);
  const mode = modeOf(file);
  const changes: FileChange[] =
    old === content ? [] : [{ file: dropIn, before: old, after: content, mode, temporaries: dirname(file) }];
  const after = format.reading(file, text, dropIn);
  assertRead(format.inherited(file, after, { file: dropIn, text: content }), added);
  return after === text ? changes : [...changes, ...remember({ file, before, after }, added)];
}

/** Returns the change and the change of the record, which keeps the former text. */
function remember(change: FileChange, added: Addition): FileChange[] {
  const { file, before, after = '' } = change;
  const record = readRecord(file);
  const old = record[added.key];
  const isUntouched = old !== undefined && before !== undefined && sha256(before) === old.written;
  const original = isUntouched
    ? old.original
    : old !== undefined && before !== undefined && added.isThere(before)
      ? added.remove(before, old.former)
      : (before ?? null);
  const entry = { original, written: sha256(after), former: added.former(before ?? '', old?.former) };
  return [recordChange(file, record, { ...record, [added.key]: entry }), change];
}

/**
 * Returns the record of our other additions after the removal of this one. For an addition that wrote the present text,
 * the record becomes what it would be if the removed addition had never existed.
 */
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
    throw configError('', `${ours.key} cannot be removed without changing the layout of the file`);
  }
  return after;
}

/** Throws unless the new text has the addition and all its other values are those of the old text. */
function verify(format: ConfigFormat, before: string, after: string, added: Addition): void {
  const isAsAsked = readAgain(() => added.isAsAsked(after));
  const former = added.former(before, undefined);
  const clean = (text: string) => format.values(added.remove(text, former));
  const isElseSame = before.trim() === '' || sameToml(clean(after), clean(before));
  if (!isAsAsked || !isElseSame)
    throw configError('', `${added.key} cannot be added without changing the layout of the file`);
}

/** Throws if another file, which the engine reads later, overrides the addition. */
function assertRead(whole: string, added: Addition): void {
  if (added.isAsAsked(whole)) return;
  throw configError('', `a file that the engine reads later would override the addition (${added.key})`);
}

/** Calls `read` for a changed text. An error means that the layout of the old text did not allow the change. */
export function readAgain<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = isLayerhookError(error) ? error.details.reason : (error as Error).message;
    throw configError('', `its layout does not allow it: ${String(reason)}`);
  }
}

function recordChange(file: string, before: CtkRecord, after: CtkRecord): FileChange {
  // 0600: the record has a copy of the configuration, which may contain passwords of registries
  return { file: recordFile(file), before: formatRecord(before), after: formatRecord(after), mode: 0o600 };
}

/** Returns the mode of a file, for a drop-in file: it may copy a part of the file and must not be easier to read. */
function modeOf(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.mode ?? 0o644) & 0o777;
}

function without(record: CtkRecord, key: string): CtkRecord {
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
}

/** Adds the name of the file to the errors of an engine's format. */
export function inFile<T>(file: string, plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    if (!isLayerhookError(error, 'CTK_CONFIG') || error.details.file !== '') throw error;
    throw configError(file, String(error.details.reason));
  }
}
