import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir as systemTmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { isErrno } from '../../src/system/errno.js';

/** The parent of temporary directories: tmpfs if possible. */
export const testRoot = existsSync('/dev/shm') ? '/dev/shm' : systemTmpdir();

/** Creates a directory for one test, which is removed when the test ends. */
export function tmpdir(t: ExecutionContext<unknown>): string {
  const dir = mkdtempSync(join(testRoot, 'layerhook-test-'));
  t.teardown(() => removeDirectory(dir));
  return dir;
}

/**
 * Removes what a test made. It tries again when the directory gets new entries meanwhile: `unpack` and `repack` leave a
 * `layerhook store sync` behind, which may still be opening the store. Paths too long for node are left to rm(1), which goes
 * down step by step.
 */
export function removeDirectory(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  } catch (error) {
    if (!isErrno(error, 'ENAMETOOLONG')) throw error;
    execFileSync('rm', ['-rf', directory]);
  }
}

/** Removes each of the directories as {@link removeDirectory} does, then throws the failures. */
export function removeDirectories(directories: readonly string[]): void {
  const failures: unknown[] = [];
  for (const directory of directories) {
    try {
      removeDirectory(directory);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
}
