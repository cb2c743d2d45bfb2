/** `layerhook/system`: calls on files whose names are bytes and whose directories are open, as drivers and hooks need them. */
export * from './attributes.js';
export * from './bytes.js';
export * from './errno.js';
export * from './files.js';
export * from './lock.js';
export * from './readdir.js';
export * from './remove.js';
export * from './stat.js';
export * from './xattr.js';
