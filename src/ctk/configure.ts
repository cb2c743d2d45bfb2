import { isLayerhookError } from '../errors/index.js';
import { planDropIn } from './drop-in.js';
import { engines } from './engines.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';
import { type CtkRecord, formatRecord, readRecord, recordFile, sha256 } from './record.js';
import { sameToml } from './toml-text.js';
import type { AddedRuntime, EngineFormat, EngineName } from './types.js';

export interface EngineTarget {
  engine: EngineName;
  /** absolute path; default: where the engine has it */
  file?: string | undefined;
}

export interface ConfigureOptions extends EngineTarget, AddedRuntime {
  /** write a file of our own beside the configuration, where the engine reads such files */
  dropIn: boolean;
}

/**
 * What to write so that an engine knows a runtime. Nothing if it does already, as asked. The configuration's other
 * settings, comments and layout stay; what was written is parsed again and compared before it is given back.
 *
 * @throws LayerhookError CTK_CONFIG, and nothing is to be written then
 */
export function planConfigure(options: ConfigureOptions): FileChange[] {
  const format = engines[options.engine];
  const file = options.file ?? format.file;
  return inFile(file, () => {
    const before = readText(file);
    if (options.dropIn) return planDropIn(format, file, before, options);
    const text = before ?? '';
    if (isConfigured(format, text, options)) return [];
    const after = format.add(text, options, format.inherited(file, text));
    verify(format, text, after, options);
    return remember(format, { file, before, after }, options.name);
  });
}

/**
 * What to write so that an engine no longer knows a runtime: a configuration that nobody has changed since becomes
 * what it was, byte for byte; of one that was changed only what is ours goes. The former default runtime is given
 * back.
 *
 * @throws LayerhookError CTK_CONFIG
 */
export function planUnconfigure({
  engine,
  file: given,
  name,
}: EngineTarget & { name: string }): FileChange[] {
  const format = engines[engine];
  const file = given ?? format.file;
  return inFile(file, () => {
    const dropIn = format.dropIn?.(file, name);
    const dropped = dropIn === undefined ? undefined : readText(dropIn);
    const changes: FileChange[] =
      dropped === undefined ? [] : [{ file: dropIn!, before: dropped, after: undefined }];
    const before = readText(file);
    const record = readRecord(file);
    const entry = record[name];
    if (before !== undefined) {
      const after = restore(format, before, name, record);
      if (after !== before) changes.push({ file, before, after });
    }
    if (entry !== undefined) changes.push(recordChange(file, record, without(record, name)));
    return changes;
  });
}

/** The changes with the record of what was there before. */
export function remember(format: EngineFormat, change: FileChange, name: string): FileChange[] {
  const { file, before, after = '' } = change;
  const record = readRecord(file);
  const old = record[name];
  const known = format.read(before ?? '').defaultRuntime;
  const formerDefault = known === name ? (old?.formerDefault ?? null) : (known ?? null);
  const isUntouched = old !== undefined && before !== undefined && sha256(before) === old.written;
  const original = isUntouched
    ? old.original
    : old !== undefined && before !== undefined
      ? format.remove(before, name, old.formerDefault ?? undefined)
      : (before ?? null);
  const entry = { original, written: sha256(after), formerDefault };
  return [recordChange(file, record, { ...record, [name]: entry }), change];
}

function restore(format: EngineFormat, text: string, name: string, record: CtkRecord): string | undefined {
  const entry = record[name];
  if (entry !== undefined && sha256(text) === entry.written) return entry.original ?? undefined;
  const { runtimes, defaultRuntime } = format.read(text);
  if (!runtimes.has(name) && defaultRuntime !== name) return text;
  const after = format.remove(text, name, entry?.formerDefault ?? undefined);
  const found = readAgain(format, after);
  if (found.runtimes.has(name) || found.defaultRuntime === name) {
    throw configError('', `${name} cannot be taken out of it without writing it anew`);
  }
  return after;
}

function isConfigured(format: EngineFormat, text: string, { name, path, isDefault }: AddedRuntime): boolean {
  const { runtimes, defaultRuntime } = format.read(text);
  return runtimes.get(name) === path && (!isDefault || defaultRuntime === name);
}

/** What is written says what was asked, and all else what it said before. */
export function verify(format: EngineFormat, before: string, after: string, added: AddedRuntime): void {
  const { name } = added;
  const former = format.read(before).defaultRuntime;
  readAgain(format, after);
  const isAsAsked = isConfigured(format, after, added);
  const clean = (text: string) =>
    format.values(format.remove(text, name, former === name ? undefined : former));
  const isElseSame = before.trim() === '' || sameToml(clean(after), clean(before));
  if (!isAsAsked || !isElseSame)
    throw configError('', `${name} cannot be put into it without writing it anew`);
}

function readAgain(format: EngineFormat, text: string) {
  try {
    return format.read(text);
  } catch (error) {
    throw configError('', `its layout does not allow it: ${(error as Error).message}`);
  }
}

function recordChange(file: string, before: CtkRecord, after: CtkRecord): FileChange {
  return { file: recordFile(file), before: formatRecord(before), after: formatRecord(after) };
}

function without(record: CtkRecord, name: string): CtkRecord {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
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
