/**
 * `layerhook/system`: Linux calls that node:fs lacks, for code that treats names as bytes: mounts, extended attributes,
 * times in nanoseconds, device nodes, calls relative to an open directory. All calls are synchronous, except those that
 * return a promise.
 *
 * Paths and names are {@link ByteString}s; `fromText` converts a string. A failed call throws a {@link SystemError}.
 * A failed mount throws a LayerhookError whose hint says how to correct it.
 *
 * @module layerhook/system
 */
export * from './attributes.js';
export * from './bytes.js';
export * from './descent.js';
export * from './errno.js';
export { exists } from './exists.js';
export * from './files.js';
export * from './filesystem.js';
export * from './identity.js';
export * from './ioctl.js';
export * from './lock.js';
export * from './make-directory.js';
export * from './mount.js';
export * from './mountinfo.js';
export * from './overlay-options.js';
export { markOwnProcess } from './own-process.js';
export * from './read-up-to.js';
export * from './readdir.js';
export * from './remove.js';
export * from './stat.js';
export * from './syslog.js';
export * from './temporary.js';
export * from './trusted-directory.js';
export * from './user-namespace.js';
export * from './xattr.js';
