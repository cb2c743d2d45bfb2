import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { loadHooks } from '../../src/config/load.js';
import { tmpdir } from '../helpers/tmp.js';

/** A directory of the test that only its owner may write. */
export function privateDir(t: ExecutionContext<unknown>): string {
  const dir = tmpdir(t);
  chmodSync(dir, 0o755);
  return dir;
}

/** Writes a file that only its owner may write; a script is executable. */
export function write(dir: string, name: string, text: string, mode = 0o644): string {
  const file = join(dir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** An executable POSIX sh script. */
export function script(dir: string, name: string, body: string): string {
  return write(dir, name, `#!/bin/sh\n${body}\n`, 0o755);
}

/** Loads a hooks.toml of this text. */
export function load(dir: string, text: string) {
  return loadHooks({ file: write(dir, 'hooks.toml', text), env: {} });
}
