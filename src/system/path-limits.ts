/** Linux's limits of paths; limits.h of the kernel, path_resolution(7). */

/** Bytes of a path, its final NUL included. */
export const pathMax = 4096;
/** Bytes of a name. */
export const nameMax = 255;
/** Symlinks that one path may lead through. */
export const maxSymlinks = 40;
/** Levels of the deepest directory whose path fits {@link pathMax}: a level takes two bytes or more. */
export const maxDepth = 2048;
