import { openSync } from 'node:fs';
import { close } from './close.js';

/**
 * Makes sure that a library can open this many descriptors: LMDB and parts of node end the process by a signal if they cannot.
 *
 * @param path existing file or directory, which is opened so often
 * @throws errors of node:fs, such as EMFILE
 */
export function requireDescriptors(count: number, path: string): void {
  const opened: number[] = [];
  try {
    while (opened.length < count) opened.push(openSync(path, 'r'));
  } finally {
    for (const fd of opened) close(fd);
  }
}
