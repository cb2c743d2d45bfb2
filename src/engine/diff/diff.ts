import { type CompareTreesOptions, compareMerged, type FileChange } from '../../layer/merged/compare.js';
import { type EncodedName, encodeName } from '../../text/json-names.js';
import type { ImageTreeOptions } from '../image/image-tree.js';
import { type FileRow, fileRow } from '../image/list-files.js';
import { openSide, type Side } from './side.js';

export interface DiffOptions extends Omit<ImageTreeOptions, 'image'>, CompareTreesOptions {
  /** the image before: `LAYOUT[:TAG]`; or a bundle */
  before: string;
  /** the image after, or a bundle */
  after: string;
}

export interface Difference {
  before: Side;
  after: Side;
  /** sorted by path */
  changes: FileChange[];
}

/**
 * Compares the files of two images, or of an image and a bundle, without unpacking.
 *
 * @throws LayerhookError of reading images, layers and bundles
 */
export async function diffImages(options: DiffOptions): Promise<Difference> {
  const before = await openSide(options.before, options);
  const after = await openSide(options.after, options);
  return { before, after, changes: [...compareMerged(before.tree, after.tree, options)] };
}

/** A change in JSON. */
export interface ChangeRow extends EncodedName<'path'>, Pick<FileChange, 'change'> {
  /** what differs, if changed */
  fields?: FileChange['fields'];
  /** the file before, unless added */
  before?: FileRow;
  /** the file after, unless deleted */
  after?: FileRow;
}

/** Returns a change for JSON: docs/json.md, `diff`. */
export function changeRow({ before, after }: Difference, change: FileChange): ChangeRow {
  return {
    ...encodeName('path', change.path),
    change: change.change,
    ...(change.change === 'changed' && { fields: change.fields }),
    ...(change.before !== null && { before: fileRow(before.tree, change.before, 1) }),
    ...(change.after !== null && { after: fileRow(after.tree, change.after, 1) }),
  };
}
