import { remember, verify } from './configure.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';
import type { AddedRuntime, EngineFormat } from './types.js';

/**
 * A file of our own that the engine reads beside its configuration, and what the configuration needs to read it.
 *
 * @param file the configuration
 * @param before its text
 */
export function planDropIn(
  format: EngineFormat,
  file: string,
  before: string | undefined,
  added: AddedRuntime,
): FileChange[] {
  const dropIn = format.dropIn?.(file, added.name);
  if (dropIn === undefined) throw configError('', `${format.engine} reads no drop-in files`);
  const text = before ?? '';
  const content = format.dropInText(file, text, dropIn, added);
  verify(format, '', content, added);
  const old = readText(dropIn);
  const changes: FileChange[] = old === content ? [] : [{ file: dropIn, before: old, after: content }];
  const after = format.reading(file, text, dropIn);
  return after === text ? changes : [...changes, ...remember(format, { file, before, after }, added.name)];
}
