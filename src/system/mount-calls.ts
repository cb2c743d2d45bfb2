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
/** what the kernel copies of an option's value; fs/fsopen.c */
const VALUE_MAX = 255;

type Pointer = Buffer | null;

const native = {
  mount: libcFunction<[Pointer, Buffer, Pointer, number, Pointer]>('mount', 'int', [
    'void*',
    'void*',
    'void*',
    'ulong',
    'void*',
  ]),
  umount2: libcFunction<[Buffer, number]>('umount2', 'int', ['void*', 'int']),
};

/** The new mount API, declared when it is first used. */
let fsContext: ReturnType<typeof declare> | undefined;

function declare() {
  return {
    fsopen: syscallFunction<[type: Buffer, flags: number]>('fsopen', ['void*', 'long']),
    fsconfig: syscallFunction<[fd: number, command: number, key: Pointer, value: Pointer, aux: number]>(
      'fsconfig',
      ['long', 'long', 'void*', 'void*', 'long'],
    ),
    fsmount: syscallFunction<[fd: number, flags: number, attributes: number]>('fsmount', [
      'long',
      'long',
      'long',
    ]),
    moveMount: syscallFunction<[number, Buffer, number, Buffer, number]>('move_mount', [
      'long',
      'void*',
      'long',
      'void*',
      'long',
    ]),
    openTree: syscallFunction<[number, Buffer, number]>('open_tree', ['long', 'void*', 'long']),
    mountSetattr: syscallFunction<[number, Buffer, number, Buffer, number]>('mount_setattr', [
      'long',
      'void*',
      'long',
      'void*',
      'long',
    ]),
  };
}

function calls() {
  fsContext ??= declare();
  return fsContext;
}

// Every function below gives what the call returned, or a negative errno.

/** mount(2). `data`: less than a page of options. */
export function tryMount(
  source: ByteString | null,
  target: ByteString,
  type: ByteString | null,
  flags: number,
  data: ByteString | null,
): number {
  return result(native.mount(text(source), bytes(target), text(type), flags, text(data)));
}

/** umount2(2); `target` is not followed if it is a symlink. */
export function tryUnmount(target: ByteString, detach: boolean): number {
  return result(native.umount2(cString(target), UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)));
}

/** fsopen(2): a file descriptor of a filesystem that is being configured. */
export function tryFsopen(type: ByteString): number {
  return result(calls().fsopen(cString(type), CLOEXEC));
}

/** Sets an option to text; fsconfig(2). ENAMETOOLONG for more than 255 bytes, which only a descriptor can say. */
export function trySetString(fd: number, key: ByteString, value: ByteString): number {
  if (value.length > VALUE_MAX) return -E.ENAMETOOLONG;
  return result(calls().fsconfig(fd, FSCONFIG.SET_STRING, cString(key), cString(value, 1), 0));
}

/** Sets an option to what is open as `value`; fsconfig(2). Overlayfs knows it since Linux 6.13. */
export function trySetFd(fd: number, key: ByteString, value: number): number {
  return result(calls().fsconfig(fd, FSCONFIG.SET_FD, cString(key), null, value));
}

/** Sets an option that has no value; fsconfig(2). */
export function trySetFlag(fd: number, key: ByteString): number {
  return result(calls().fsconfig(fd, FSCONFIG.SET_FLAG, cString(key), null, 0));
}

/** Makes the superblock as configured; fsconfig(2). */
export function tryCreate(fd: number): number {
  return result(calls().fsconfig(fd, FSCONFIG.CMD_CREATE, null, null, 0));
}

/** fsmount(2): a file descriptor of a mount that is nowhere yet. The attributes are numbered as MS flags are. */
export function tryFsmount(fd: number, attributes: number): number {
  return result(calls().fsmount(fd, CLOEXEC, attributes));
}

/** Attaches the mount `fd` at `target`, which is not followed if it is a symlink; move_mount(2). */
export function tryAttach(fd: number, target: ByteString): number {
  return result(calls().moveMount(fd, cString(''), AT_FDCWD, cString(target, 1), MOVE_MOUNT_F_EMPTY_PATH));
}

/** Moves a mount with all below it; move_mount(2), or mount(2) with MS_MOVE before Linux 5.2. */
export function tryMove(from: ByteString, to: ByteString): number {
  const done = result(calls().moveMount(AT_FDCWD, cString(from), AT_FDCWD, cString(to, 1), 0));
  return isMissing(done) ? tryMount(from, to, null, MS_MOVE, null) : done;
}

/** open_tree(2): a file descriptor of a copy of the mount at `path`, recursive or not, that is nowhere yet. */
export function tryCloneTree(path: ByteString, recursive: boolean): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return result(calls().openTree(AT_FDCWD, cString(path), flags));
}

/** Sets attributes (MS flags) of the mount `fd`, and of those below it if recursive; mount_setattr(2). */
export function trySetAttributes(fd: number, attributes: number, recursive: boolean): number {
  const value = Buffer.alloc(32);
  value.writeBigUInt64LE(BigInt(attributes));
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return result(calls().mountSetattr(fd, cString(''), flags, value, value.length));
}

/** Whether a call gave the errno of one that the kernel (ENOSYS) or a seccomp filter (EPERM) does not have. */
export function isMissing(done: number): boolean {
  return done === -E.ENOSYS || done === -E.EPERM;
}

/** What the kernel says about the context `fd`, oldest first, each with its level (`e`, `w`, `i`); it says it once. */
export function readContextLog(fd: number): string[] {
  const messages: string[] = [];
  const buffer = Buffer.alloc(8192);
  try {
    for (;;) messages.push(buffer.toString('utf8', 0, readSync(fd, buffer)).trim());
  } catch {
    // ENODATA: that was the last
    return messages;
  }
}

function bytes(value: ByteString): Buffer {
  return Buffer.from(`${value}\0`, 'latin1');
}

function text(value: ByteString | null): Pointer {
  return value === null ? null : bytes(value);
}
