import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir as systemTmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ConformanceCase } from '../../src/testing/index.js';
import { requires } from './requires.js';
import { removeDirectories } from './tmp.js';

/** Creates a test for each case of a suite. */
export function testSuite<Harness>(suite: readonly ConformanceCase<Harness>[], harness: Harness): void {
  for (const { name, needs, run } of suite) {
    test.serial(name, async (t) => {
      if (!requires(t, ...needs)) return;
      await run(harness);
      t.pass();
    });
  }
}

/** Returns a function that creates directories (on tmpfs if possible). They are removed after all tests of the file. */
export function scratchDirectories(): () => string {
  const made: string[] = [];
  test.after.always(() => removeDirectories(made));
  return () => {
    const directory = mkdtempSync(
      join(existsSync('/dev/shm') ? '/dev/shm' : systemTmpdir(), 'layerhook-test-'),
    );
    made.push(directory);
    return directory;
  };
}
