import { constants } from 'node:os';

const numbers: Readonly<Record<string, number>> = constants.errno;
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
// two names share a number: prefer the more usual one
names.set(numbers.ENOTSUP ?? 95, 'ENOTSUP');
names.set(numbers.EAGAIN ?? 11, 'EAGAIN');
// node does not know it; a damaged ext4 or xfs fails with it
names.set(117, 'EUCLEAN');

/** Words for codes that a file system may report, and that node has no words for. */
export const moreWords: Readonly<Record<string, string>> = {
  EBADMSG: 'bad message',
  EDQUOT: 'disk quota exceeded',
  ENOLCK: 'no locks available',
  ESTALE: 'stale file handle',
  EUCLEAN: 'structure needs cleaning',
};

/** Returns the name of an errno number, such as `ENOENT`; errno(3). */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}
