import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** Returns the path of a program on PATH, or undefined if it is not found. */
export function findProgram(name: string): string | undefined {
  const directories = searchPath().split(':').filter(isAbsolute);
  return directories.map((directory) => join(directory, name)).find(isProgram);
}

/** Returns PATH, or the usual directories if PATH is not set. */
export function searchPath(): string {
  return process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin';
}

/** True if `path` leads to a regular file that this process may execute. */
export function isProgram(path: string | Buffer): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
