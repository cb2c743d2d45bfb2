/** The errors that system calls are made to fail with, each at the calls where it can happen. */
import { changing, failing, mounting, type Point } from './points.js';

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

/** Calls that can wait, as their manual pages say: a signal ends them. */
const waiting = failing.filter((call) =>
  /^(open.*|p?(read|write)v?(64)?|f.*sync|ftruncate|fallocate|copy_file_range|sendfile|flock|fcntl|statfs|ioctl)$/.test(
    call,
  ),
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
  { error: 'EINTR', forever: false, calls: waiting },
];

/** Returns what can happen at a point. A file that is opened to be read needs no space, and may be on a read-only file system. */
export function failuresOf({ call, situations }: Point): Failure[] {
  const only = (flags: RegExp) => !/^openat2?$/.test(call) || situations.some((each) => flags.test(each));
  const possible = failures.filter(
    ({ error, calls }) =>
      calls.includes(call) &&
      (error !== 'EROFS' || only(/O_CREAT|O_WRONLY|O_RDWR/)) &&
      (!isOfSpace(error) || only(/O_CREAT/)),
  );
  if (!neverLasting.has(call)) return possible;
  const names = new Set(possible.map(({ error }) => error));
  return [...names].map((error) => ({ error, forever: false }));
}

const isOfSpace = (error: string): boolean => error === 'ENOSPC' || error === 'EDQUOT';

/**
 * Returns the name of the errors that the program handles alike at a call. It looks for a full disk or quota everywhere, and for
 * a read-only file system where a directory is used, made, moved or removed. The code of any other error of {@link failures} only
 * changes words of the message.
 */
export function reasonOf(call: string, error: string): string {
  if (isOfSpace(error)) return 'space';
  return error === 'EROFS' && /^(utimensat|rename.*|mkdir|rmdir)$/.test(call) ? error : 'any error';
}
