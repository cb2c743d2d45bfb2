/**
 * `layerhook/system`: what Linux has and node:fs has not, for who works on names that are bytes: mounts, extended
 * attributes, times in nanoseconds, device nodes, calls on open directories. Every call is synchronous.
 *
 * Paths and names are {@link ByteString}s: `fromText` makes one of a string. A failed call is a {@link SystemError};
 * mounts fail with a LayerhookError that says what would be right.
 */
export * from './attributes.js';
export * from './bytes.js';
export * from './descent.js';
export * from './errno.js';
export * from './files.js';
export * from './filesystem.js';
export * from './ioctl.js';
export * from './lock.js';
export * from './make-directory.js';
export * from './mount.js';
export * from './mountinfo.js';
export * from './overlay-options.js';
export * from './readdir.js';
export * from './remove.js';
export * from './stat.js';
export * from './syslog.js';
export * from './temporary.js';
export * from './trusted-directory.js';
export * from './user-namespace.js';
export * from './xattr.js';
