import { accessSync, constants, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { show } from '../points/check-result.js';
import type { TomlFile } from '../text/toml.js';
import type { KeyPath } from '../text/toml-positions.js';
import { findDistrust } from '../text/trust.js';
import { meantBeside } from './meant-beside.js';

/**
 * Checks that a program can be run, and that only root and this user could have written it.
 *
 * @throws CONFIG_INVALID with line
 */
export function checkProgram(toml: TomlFile, path: KeyPath, program: string): void {
  if (!isAbsolute(program)) {
    throw toml.invalid(
      path,
      `${show(program)} is not an absolute path`,
      'give the whole path; PATH is not searched',
    );
  }
  checkFile(toml, path, program);
  try {
    accessSync(program, constants.X_OK);
  } catch (error) {
    throw toml.invalid(
      path,
      `${program} is not executable`,
      `make it executable: chmod +x ${program}`,
      error,
    );
  }
}

/**
 * The absolute path of a module, which hooks.toml gives relative to itself.
 *
 * @throws CONFIG_INVALID with line: no path, missing, or others may write it
 */
export function resolveModule(toml: TomlFile, path: KeyPath, module: unknown): string {
  const expected = 'a module is a path that starts with ./, ../ or /, relative to this file';
  if (typeof module !== 'string' || !/^(\.\.?\/|\/)/.test(module)) {
    throw toml.invalid(path, `the module is ${show(module)}`, expected);
  }
  const file = resolve(dirname(toml.file), module);
  checkFile(toml, path, file);
  return file;
}

function checkFile(toml: TomlFile, path: KeyPath, file: string): void {
  let isFile = false;
  try {
    isFile = statSync(file).isFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT'
        ? `${file} does not exist${meantBeside(file)}`
        : `${file} cannot be looked at: ${code}`;
    throw toml.invalid(path, reason, 'correct the path, or install what should be there', error);
  }
  if (!isFile) throw toml.invalid(path, `${file} is not a regular file`, 'give the path of a file');
  const distrust = findDistrust(file);
  if (distrust !== undefined) throw toml.invalid(path, distrust.reason, distrust.expected);
}
