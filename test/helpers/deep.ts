import { AT_FDCWD, close, mkdirat, O, openat } from '../../src/system/files.js';

/**
 * Creates a chain of directories named `d`, as a container can with mkdir and chdir: the paths may be too long for system
 * calls.
 *
 * @param parent directory for the first one
 * @param depth number of directories
 * @param fill called for each directory with its open descriptor and its depth, from 1
 */
export function makeDeep(
  parent: string,
  depth: number,
  fill: (fd: number, depth: number) => void = () => {},
): void {
  let fd = openat(AT_FDCWD, parent, O.RDONLY | O.DIRECTORY);
  for (let level = 1; level <= depth; level++) {
    mkdirat(fd, 'd', 0o755);
    const next = openat(fd, 'd', O.RDONLY | O.DIRECTORY);
    close(fd);
    fd = next;
    fill(fd, level);
  }
  close(fd);
}
