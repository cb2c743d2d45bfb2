/** The errors that system calls are made to fail with, each at the calls where it can happen. */
import { changing, failing, mounting } from './points.js';

/** An error, and whether the call fails once, or from there on. */
export interface Failure {
  error: string;
  forever: boolean;
}

/** Calls that return a descriptor. */
const opening = ['openat', 'openat2', 'fsopen', 'fsmount', 'open_tree'];

/** Calls that do not need space on a disk. */
const withoutSpace = new Set([
  'unlink',
  'unlinkat',
  'rmdir',
  'flock',
  'mount',
  'move_mount',
  'umount2',
  'ioctl',
]);

/** Calls that may need space on a disk. */
const allocating = ['openat', 'openat2', ...changing.filter((call) => !withoutSpace.has(call))];

/** Calls that change what a read-only file system has. */
const onReadOnly = [
  'openat',
  'openat2',
  ...changing.filter(
    (call) => !/^(flock|p?writev?(64)?|f.*sync|syncfs|sendfile|.*mount2?|ioctl)$/.test(call),
  ),
];

/** Calls on a file, which a server may have lost. */
const onFile = failing.filter(
  (call) => ![...mounting, 'mount', 'move_mount', 'umount2', 'mmap'].includes(call),
);

/** Calls by which node wakes its threads and opens stderr, and LMDB locks: they cannot do without these. */
const neverLasting = new Set(['read', 'write', 'mmap', 'fcntl', 'ioctl']);

/** A full disk stays full; an interrupted call can be repeated. */
const failures: readonly (Failure & { calls: readonly string[] })[] = [
  { error: 'EIO', forever: false, calls: failing },
  { error: 'EIO', forever: true, calls: failing },
  { error: 'ENOSPC', forever: true, calls: allocating },
  { error: 'EDQUOT', forever: true, calls: allocating },
  { error: 'EMFILE', forever: true, calls: opening },
  { error: 'ENOMEM', forever: true, calls: failing },
  { error: 'EROFS', forever: true, calls: onReadOnly },
  { error: 'ESTALE', forever: true, calls: onFile },
  { error: 'EINTR', forever: false, calls: failing },
];

/** Returns what can happen at a call. */
export function failuresOf(call: string): Failure[] {
  const possible = failures.filter(({ calls }) => calls.includes(call));
  if (!neverLasting.has(call)) return possible;
  const names = new Set(possible.map(({ error }) => error));
  return [...names].map((error) => ({ error, forever: false }));
}
