import type { LowerStack } from '../../layer/lower/lower-stack.js';
import { type Marks, opaqueName, whiteoutPrefix } from '../../layer/overlay-marks.js';
import type { ByteString } from '../../system/bytes.js';

/** A directory on both sides of the comparison. */
export interface Place {
  /** '' for the root; otherwise ends with a slash */
  prefix: ByteString;
  /** true if the upperdir has it: it is the current directory of the descent; otherwise a mount shows `shown` */
  inUpper: boolean;
  upperMarks: Pick<Marks, 'markedWhiteouts'>;
  /** the lower directory that a mount merges into it */
  shown: LowerStack | null;
  /** the lower directory at this path, with which the mount is compared */
  below: LowerStack | null;
}

/** A place whose names are being compared. */
export interface Level {
  place: Place;
  names: ByteString[];
  /** names that the upperdir has only as a fuse-overlayfs whiteout */
  hidden: ReadonlySet<ByteString>;
  next: number;
}

/** Removes fuse-overlayfs' whiteouts and markers from names. @returns the names that only a whiteout has */
export function removeWhiteouts(names: Set<ByteString>): Set<ByteString> {
  const hidden = new Set<ByteString>();
  for (const name of names) {
    if (!name.startsWith(whiteoutPrefix)) continue;
    names.delete(name);
    if (name !== opaqueName) hidden.add(name.slice(whiteoutPrefix.length));
  }
  for (const name of names) hidden.delete(name);
  return hidden;
}
