import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir as systemTmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** Creates a directory for one test (on tmpfs if possible), which is removed when the test ends. */
export function tmpdir(t: ExecutionContext<unknown>): string {
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : systemTmpdir(), 'layerhook-test-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
