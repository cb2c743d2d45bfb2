import { walk } from 'layerhook';
import { identityOfPath } from 'layerhook/system';
import { hash } from './records.js';

/**
 * Returns a name for the state of a directory. It changes with every change below the directory, because the kernel records
 * the time of each (ctime, inode(7)).
 *
 * @throws LayerhookError SYSTEM
 */
export function fingerprint(directory: string): string {
  let [entries, sec, nsec] = [0, 0, 0];
  walk(directory, (_, stat) => {
    entries += 1;
    if (stat.ctimeSec < sec || (stat.ctimeSec === sec && stat.ctimeNsec <= nsec)) return;
    [sec, nsec] = [stat.ctimeSec, stat.ctimeNsec];
  });
  return hash(`${identityOfPath(directory)} ${entries} ${sec}.${nsec}`);
}
