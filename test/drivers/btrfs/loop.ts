import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';

const MiB = 2 ** 20;

export const btrfsNeeds = ['root', 'loop-btrfs', 'mkfs.btrfs', 'btrfs'];

/** Makes a btrfs on a loop device, removed when the test ends. Returns null and skips the test where btrfs is unavailable. */
export function btrfs(t: ExecutionContext<unknown>, options: BtrfsOptions = {}): string | null {
  if (!requires(t, ...btrfsNeeds)) return null;
  const { mountpoint, unmount } = mountBtrfs(tmpdir(t), options);
  t.teardown(unmount);
  return mountpoint;
}

interface BtrfsOptions {
  /** bytes; the file is sparse */
  size?: number;
}

/** Makes a btrfs in a file in `dir`, and mounts it there. */
export function mountBtrfs(dir: string, { size = 512 * MiB }: BtrfsOptions = {}) {
  const [file, mountpoint] = [join(dir, 'btrfs.img'), join(dir, 'mnt')];
  writeFileSync(file, '');
  truncateSync(file, size);
  execFileSync('mkfs.btrfs', ['-q', '-m', 'single', file], { stdio: 'ignore' });
  mkdirSync(mountpoint);
  // the loop device goes with the mount
  execFileSync('mount', ['-o', 'loop', file, mountpoint]);
  return { mountpoint, unmount: () => void execFileSync('umount', ['-l', mountpoint]) };
}

/** Paths of all subvolumes of a filesystem but its top, sorted. */
export function subvolumes(mountpoint: string): string[] {
  const list = execFileSync('btrfs', ['subvolume', 'list', mountpoint], { encoding: 'utf8' });
  return [...list.matchAll(/ path (.*)$/gm)].map(([, path]) => path!).sort();
}

/** Names of what the driver keeps, finished or not, and of its locks. */
export function kept(store: string): string[] {
  return readdirSync(join(store, 'btrfs')).flatMap((name) =>
    name === 'locks' ? readdirSync(join(store, 'btrfs/locks')) : [name],
  );
}
