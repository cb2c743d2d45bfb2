import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openStore, type Store } from '../../../src/store/index.js';
import { readMountInfo } from '../../../src/system/mountinfo.js';
import { type Finished, layerhook, type RunOptions } from '../../helpers/cli.js';
import { removeDirectory } from '../../helpers/tmp.js';

/** A store and room for bundles. All mounts below are removed when the test ends. */
export interface Place {
  directory: string;
  store: string;
  unpack(reference: string, bundle: string, options?: RunOptions & { args?: string[] }): Promise<Finished>;
  rootfs(bundle: string): string;
  mounts(): string[];
  /** Runs `use` on the open store. */
  withStore<T>(use: (store: Store) => Promise<T>): Promise<T>;
}

/** @param parent an existing directory; default: on tmpfs, whose files overlayfs can have on top */
export function place(t: ExecutionContext<unknown>, parent = '/dev/shm'): Place {
  const directory = mkdtempSync(join(parent, 'layerhook-test-'));
  const store = join(directory, 'store');
  const mounts = () =>
    readMountInfo()
      .map(({ mountPoint }) => mountPoint)
      .filter((path) => path.startsWith(`${directory}/`));
  t.teardown(() => {
    for (const path of mounts()) spawnSync('umount', ['-l', path]);
    removeDirectory(directory);
  });
  return {
    directory,
    store,
    mounts,
    unpack: (reference, bundle, { args = [], ...options } = {}) =>
      layerhook(
        [
          ...['--log-format=json', '--verbose', 'unpack', '--driver', 'overlay', '--store', store],
          ...[...args, '--image', reference, join(directory, bundle)],
        ],
        options,
      ),
    rootfs: (bundle) => join(directory, bundle, 'rootfs'),
    withStore: async (use) => {
      const opened = await openStore({ root: store });
      try {
        return await use(opened);
      } finally {
        await opened.close();
      }
    },
  };
}

/** How many layers an unpack found in the store. */
export function skipped({ stderr }: Finished): number {
  const rows = stderr.split('\n').filter((line) => line.startsWith('{'));
  return rows
    .map((line) => JSON.parse(line) as { skipped?: number })
    .find((row) => row.skipped !== undefined)!.skipped!;
}
