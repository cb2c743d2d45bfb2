import { type ByteString, readDirectory, StatBuffer, statAt } from 'layerhook/system';
import type { LowerStack } from './lower.js';
import { type Marks, opaqueName, whiteoutPrefix } from './marks.js';

/** A directory on both sides of the comparison. */
export interface Place {
  /** '' for the root, else with a slash at its end */
  prefix: ByteString;
  /** true if the upperdir has it: the current directory of the descent; else what shows is `shown` */
  inUpper: boolean;
  upperMarks: Pick<Marks, 'markedWhiteouts'>;
  /** what of the layers shows through */
  shown: LowerStack | null;
  /** what the layers have at this path, which the result is compared with */
  below: LowerStack | null;
}

/** A place whose names are being compared. */
export interface Level {
  place: Place;
  names: ByteString[];
  /** names that only a fuse-overlayfs whiteout has */
  hidden: ReadonlySet<ByteString>;
  next: number;
}

/** Names in an open directory. */
export function namesIn(fd: number): Set<ByteString> {
  return new Set(readDirectory(fd).map(({ name }) => name));
}

/** Takes fuse-overlayfs' whiteouts and markers out of names. @returns names that are hidden by them alone */
export function takeWhiteouts(names: Set<ByteString>): Set<ByteString> {
  const hidden = new Set<ByteString>();
  for (const name of names) {
    if (!name.startsWith(whiteoutPrefix)) continue;
    names.delete(name);
    if (name !== opaqueName) hidden.add(name.slice(whiteoutPrefix.length));
  }
  for (const name of names) hidden.delete(name);
  return hidden;
}

/** True if there is something at the path, relative to an open directory. */
export function isThere(dirfd: number, path: ByteString): boolean {
  return statAt(dirfd, path, new StatBuffer());
}
