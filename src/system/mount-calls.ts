import { readSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { cString, libcFunction, result, syscallFunction } from './libc.js';

/** Flags of mount(2). */
export const MS = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, REMOUNT: 32, BIND: 4096, REC: 16384 } as const;

const MS_MOVE = 8192;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const CLOEXEC = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const OPEN_TREE_CLONE = 1;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** Commands of fsconfig(2). */
const FSCONFIG = { SET_FLAG: 0, SET_STRING: 1, SET_FD: 5, CMD_CREATE: 6 } as const;
/** longest value of an option, in bytes; fs/fsopen.c */
const maxValue = 255;

type Pointer = Buffer | null;

const native = {
  mount: libcFunction<[Pointer, Buffer, Pointer, number, Pointer]>(
    'int mount(void*, void*, void*, ulong, void*)',
  ),
  umount2: libcFunction<[Buffer, number]>('int umount2(void*, int)'),
};

/** The new mount API, declared on first use. */
let fsContext: ReturnType<typeof declare> | undefined;

function declare() {
  return {
    fsopen: syscallFunction<[type: Buffer, flags: number]>('fsopen', 'void*, long'),
    fsconfig: syscallFunction<[fd: number, command: number, key: Pointer, value: Pointer, aux: number]>(
      'fsconfig',
      'long, long, void*, void*, long',
    ),
    fsmount: syscallFunction<[fd: number, flags: number, attributes: number]>('fsmount', 'long, long, long'),
    moveMount: syscallFunction<[number, Buffer, number, Buffer, number]>(
      'move_mount',
      'long, void*, long, void*, long',
    ),
    openTree: syscallFunction<[number, Buffer, number]>('open_tree', 'long, void*, long'),
    mountSetattr: syscallFunction<[number, Buffer, number, Buffer, number]>(
      'mount_setattr',
      'long, void*, long, void*, long',
    ),
  };
}

function calls() {
  fsContext ??= declare();
  return fsContext;
}

// All functions below return the result of the call, or a negative errno.

/** Mounts a filesystem; mount(2). `data`: options, less than a page. */
export function tryMount(
  source: ByteString | null,
  target: ByteString,
  type: ByteString | null,
  flags: number,
  data: ByteString | null,
): number {
  return result(native.mount(text(source), bytes(target), text(type), flags, text(data)));
}

/** Unmounts `target`, without following a symlink; umount2(2). */
export function tryUnmount(target: ByteString, detach: boolean): number {
  return result(native.umount2(cString(target), UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)));
}

/** Returns a descriptor of a new filesystem to configure; fsopen(2). */
export function tryFsopen(type: ByteString): number {
  return result(calls().fsopen(cString(type), CLOEXEC));
}

/** Sets an option to text; fsconfig(2). ENAMETOOLONG for more than 255 bytes: use {@link trySetFd} for a longer path. */
export function trySetString(fd: number, key: ByteString, value: ByteString): number {
  if (value.length > maxValue) return -E.ENAMETOOLONG;
  return result(calls().fsconfig(fd, FSCONFIG.SET_STRING, cString(key), cString(value, 1), 0));
}

/** Sets an option to the directory open as `value`; fsconfig(2). Overlayfs supports this since Linux 6.13. */
export function trySetFd(fd: number, key: ByteString, value: number): number {
  return result(calls().fsconfig(fd, FSCONFIG.SET_FD, cString(key), null, value));
}

/** Sets an option without a value; fsconfig(2). */
export function trySetFlag(fd: number, key: ByteString): number {
  return result(calls().fsconfig(fd, FSCONFIG.SET_FLAG, cString(key), null, 0));
}

/** Creates the configured superblock; fsconfig(2). */
export function tryCreate(fd: number): number {
  return result(calls().fsconfig(fd, FSCONFIG.CMD_CREATE, null, null, 0));
}

/** Returns a descriptor of a mount that is not attached yet; fsmount(2). Attributes have the numbers of MS flags. */
export function tryFsmount(fd: number, attributes: number): number {
  return result(calls().fsmount(fd, CLOEXEC, attributes));
}

/** Attaches the mount `fd` at `target`, without following a symlink; move_mount(2). */
export function tryAttach(fd: number, target: ByteString): number {
  return result(calls().moveMount(fd, cString(''), AT_FDCWD, cString(target, 1), MOVE_MOUNT_F_EMPTY_PATH));
}

/** Moves a mount with all mounts below it; move_mount(2), or mount(2) with MS_MOVE before Linux 5.2. */
export function tryMove(from: ByteString, to: ByteString): number {
  const done = result(calls().moveMount(AT_FDCWD, cString(from), AT_FDCWD, cString(to, 1), 0));
  return isMissing(done) ? tryMount(from, to, null, MS_MOVE, null) : done;
}

/** Returns a descriptor of a copy of the mount at `path`, which is not attached yet; open_tree(2). */
export function tryCloneTree(path: ByteString, recursive: boolean): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return result(calls().openTree(AT_FDCWD, cString(path), flags));
}

/** Sets attributes (MS flags) of the mount `fd`, and if recursive of all mounts below it; mount_setattr(2). */
export function trySetAttributes(fd: number, attributes: number, recursive: boolean): number {
  const value = Buffer.alloc(32);
  value.writeBigUInt64LE(BigInt(attributes));
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return result(calls().mountSetattr(fd, cString(''), flags, value, value.length));
}

/** True if a call failed because the kernel lacks it (ENOSYS) or a seccomp filter hides it (EPERM). */
export function isMissing(done: number): boolean {
  return done === -E.ENOSYS || done === -E.EPERM;
}

/**
 * Returns the kernel's messages about the context `fd`, oldest first, each with its level (`e`, `w`, `i`). A second call
 * does not return them again.
 */
export function readContextLog(fd: number): string[] {
  const messages: string[] = [];
  const buffer = Buffer.alloc(8192);
  try {
    for (;;) messages.push(buffer.toString('utf8', 0, readSync(fd, buffer)).trim());
  } catch {
    // ENODATA: no more messages
    return messages;
  }
}

function bytes(value: ByteString): Buffer {
  return Buffer.from(`${value}\0`, 'latin1');
}

function text(value: ByteString | null): Pointer {
  return value === null ? null : bytes(value);
}
