import { existsSync } from 'node:fs';
import { isLauncher } from '../inject/find-runtime.js';
import { fromText } from '../system/bytes.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';

/** A text of the launcher that `ctk install` writes. */
const mark = 'LAYERHOOK_LAUNCHER';

/** Returns the path of the launcher of a runtime, beside the configuration. Engines do not read files with this suffix. */
export function launcherFile(configFile: string, name: string): string {
  return `${configFile}.${name}-runtime`;
}

/**
 * Returns the launcher of a runtime, which passes the low-level runtime to layerhook-runtime. containerd and CRI-O give a
 * runtime no options of their own.
 *
 * @param path of layerhook-runtime
 * @param program path of the low-level runtime
 */
export function planLauncher(
  configFile: string,
  { name, path }: { name: string; path: string },
  program: string,
): FileChange {
  const file = launcherFile(configFile, name);
  // sourced: with another shell before it, the launcher could not record the state that the engine gave
  const after = `#!/bin/sh
# Written by \`layerhook ctk runtime configure\`; unconfigure removes it. LAYERHOOK_STARTED
LAYERHOOK_LAUNCHER=${quote(path)}
set -- --runtime-path ${quote(program)} "$@"
. "$LAYERHOOK_LAUNCHER"
`;
  return { file, before: readText(file), after, mode: 0o755 };
}

/** Returns the programs that a launcher names; undefined for another program, which passes no low-level runtime. */
export function readLauncher(file: string): { path: string; program: string } | undefined {
  if (!existsSync(file) || !isLauncher(fromText(file))) return undefined;
  const text = readText(file) ?? '';
  const [path, program] = [/^LAYERHOOK_LAUNCHER='(.*)'$/m, /^set -- --runtime-path '(.*)' "\$@"$/m].map(
    (word) => word.exec(text)?.[1]?.replaceAll(`'\\''`, "'"),
  );
  return path === undefined || program === undefined ? undefined : { path, program };
}

/** Returns the removal of a launcher; an empty list without one. */
export function planNoLauncher(configFile: string, name: string): FileChange[] {
  const file = launcherFile(configFile, name);
  const before = readText(file);
  return before?.includes(mark) ? [{ file, before, after: undefined }] : [];
}

/**
 * True if the program is layerhook-runtime, or missing and thus installed later.
 *
 * @throws LayerhookError CTK_CONFIG for the program of an earlier version
 */
export function isOurs(path: string): boolean {
  if (!existsSync(path)) return true;
  if (!isLauncher(fromText(path))) return false;
  if (readText(path)?.includes(mark)) return true;
  throw configError(path, 'it is of an earlier version: run layerhook ctk install again');
}

/** Returns a word of the shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
