import { walk } from 'layerhook';
import { hash, identityOf } from './records.js';

/**
 * Names the state of a directory: it is another one as soon as anything in it was changed, of which the kernel keeps the
 * time (ctime, inode(7)).
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
  return hash(`${identityOf(directory)} ${entries} ${sec}.${nsec}`);
}
