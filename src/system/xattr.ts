import { type Rights, reading, tryWithAccess, writing } from './access.js';
import { type ByteString, fromText } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, check, cString, libcFunction, result } from './libc.js';
import { farther, isLong } from './long-path.js';

/** A file, by path (a symlink is not followed) or by file descriptor (not with O_PATH). */
export type XattrTarget = ByteString | number;

type Target = Buffer | number;

const onPath = declare('l', 'void*');
const onFd = declare('f', 'int');
// XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel
const buffer = Buffer.alloc(64 * 1024);

/**
 * Returns a path of `name` in the open directory `dirfd`, since *at functions for xattrs exist only since Linux 6.13. The
 * path does not depend on symlinks in the directory's own path.
 */
export function pathIn(dirfd: number, name: ByteString): ByteString {
  return `/proc/self/fd/${dirfd}/${name}`;
}

/**
 * Returns the names of the extended attributes; listxattr(2).
 *
 * @throws SystemError ENOTSUP if the filesystem does not support extended attributes
 */
export function listXattrs(target: XattrTarget): ByteString[] {
  const done = check(
    accessing(target, reading, (at) => result(calls(at).list(address(at), buffer, buffer.length))),
    'listxattr',
    show(target),
  );
  return done === 0 ? [] : buffer.toString('latin1', 0, done - 1).split('\0');
}

/**
 * Returns the value of an extended attribute, or undefined if it does not exist; getxattr(2).
 *
 * @throws SystemError ENOTSUP if the filesystem does not support extended attributes
 */
export function getXattr(target: XattrTarget, name: ByteString): Buffer | undefined {
  const done = accessing(target, reading, (at) =>
    result(calls(at).get(address(at), cString(name, 1), buffer, buffer.length)),
  );
  if (done === -E.ENODATA) return undefined;
  check(done, 'getxattr', show(target));
  return Buffer.from(buffer.subarray(0, done));
}

/**
 * Returns all extended attributes with their values. The map is empty if the filesystem does not support them; attributes
 * that another process removes during the call are missing.
 *
 * @throws SystemError
 */
export function readXattrs(target: XattrTarget): Map<ByteString, Buffer> {
  const found = new Map<ByteString, Buffer>();
  try {
    for (const name of listXattrs(target)) {
      const value = getXattr(target, name);
      if (value !== undefined) found.set(name, value);
    }
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
  return found;
}

/**
 * Creates or replaces an extended attribute; setxattr(2).
 *
 * @throws SystemError ENOTSUP if the filesystem does not support extended attributes
 */
export function setXattr(target: XattrTarget, name: ByteString, value: Uint8Array): void {
  check(trySetXattr(target, name, value), 'setxattr', show(target));
}

/** Does the same as {@link setXattr}. Returns 0 or a negative errno. */
export function trySetXattr(target: XattrTarget, name: ByteString, value: Uint8Array): number {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return accessing(target, writing, (at) =>
    result(calls(at).set(address(at), cString(name, 1), bytes, bytes.length, 0)),
  );
}

/**
 * Removes an extended attribute; removexattr(2).
 *
 * @returns true if the attribute existed
 * @throws SystemError
 */
export function removeXattr(target: XattrTarget, name: ByteString): boolean {
  const done = accessing(target, writing, (at) => result(calls(at).remove(address(at), cString(name, 1))));
  if (done === -E.ENODATA) return false;
  check(done, 'removexattr', show(target));
  return true;
}

/** True if a file has extended attributes, even if its content is not readable. @throws SystemError */
export function hasXattrs(target: XattrTarget): boolean {
  try {
    return listXattrs(target).length > 0;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}

/** True if `error` says that the filesystem does not support extended attributes, or this namespace of them. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof SystemError && error.errno === E.ENOTSUP;
}

/** Runs a call that returns a negative errno, also if modes deny it: `user.` attributes need rights to the file. */
function accessing(target: XattrTarget, rights: Rights, call: (target: XattrTarget) => number): number {
  if (typeof target === 'number') return tryWithAccess(target, '', () => call(target), rights);
  if (isLong(target))
    return farther((fd, rest) => accessing(pathIn(fd, rest), rights, call), AT_FDCWD, target);
  return tryWithAccess(AT_FDCWD, target, () => call(target), rights);
}

function declare(prefix: 'l' | 'f', target: 'void*' | 'int') {
  return {
    get: libcFunction<[Target, Buffer, Buffer, number]>(
      `long ${prefix}getxattr(${target}, void*, void*, size_t)`,
    ),
    list: libcFunction<[Target, Buffer, number]>(`long ${prefix}listxattr(${target}, void*, size_t)`),
    set: libcFunction<[Target, Buffer, Buffer, number, number]>(
      `int ${prefix}setxattr(${target}, void*, void*, size_t, int)`,
    ),
    remove: libcFunction<[Target, Buffer]>(`int ${prefix}removexattr(${target}, void*)`),
  };
}

function calls(target: XattrTarget): typeof onPath {
  return typeof target === 'number' ? onFd : onPath;
}

function address(target: XattrTarget): Target {
  return typeof target === 'number' ? target : cString(target, 0);
}

function show(target: XattrTarget): ByteString {
  return typeof target === 'number' ? fromText(`fd ${target}`) : target;
}
