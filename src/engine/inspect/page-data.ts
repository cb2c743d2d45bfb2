/**
 * The data of the page that `inspect --html` writes. This file must run in a browser, so it imports nothing. Columns of
 * numbers, because objects for 100,000 paths would take several times the bytes and the time to parse.
 */

export const changeKinds = ['added', 'changed', 'deleted'] as const;
export type ChangeKind = (typeof changeKinds)[number];

export const fileTypes = ['file', 'directory', 'symlink', 'char', 'block', 'fifo'] as const;

/** What of a file may differ between two images; a bit of {@link PageDifference.fields} each. */
export const differingFields = [
  'type',
  'content',
  'target',
  'device',
  'mode',
  'owner',
  'xattrs',
  'links',
  'mtime',
] as const;

/** Mode, UID and GID of a file. */
export type Attributes = readonly [mode: number, uid: number, gid: number];

export interface PageLayer {
  digest: string;
  /** the command of the history entry; undefined if the history does not say */
  createdBy?: string | undefined;
  /** bytes of the blob, and of its tar */
  compressed: number;
  uncompressed: number;
  added: { count: number; bytes: number };
  changed: { count: number; bytes: number };
  deleted: { count: number; bytes: number };
  /** bytes of the layer's files that the image lacks */
  wasted: number;
  /** True if the image of {@link PageDifference} has the layer too, on the same layers below. */
  isShared: boolean;
}

/** How the files of the image differ from those of another one: columns, sorted by path. */
export interface PageDifference {
  /** the other image, as the user named it */
  name: string;
  /** all paths of the other image, and the bytes of its files */
  paths: number;
  bytes: number;
  /** each the number of its path, less that of the row before */
  path: number[];
  /** index in {@link changeKinds} */
  kind: number[];
  /** index in {@link fileTypes}; of a deleted file, the type in the other image */
  type: number[];
  /** bits by {@link differingFields} */
  fields: number[];
  /** bytes of the regular file in the other image, and in this one */
  before: number[];
  after: number[];
}

/** Changes that layers make: columns, sorted by path and layer. */
export interface PageChanges {
  /** each the number of its path, less that of the row before */
  path: number[];
  layer: number[];
  /** index in {@link changeKinds} */
  kind: number[];
  /** index in {@link fileTypes}; of a deletion, the type before */
  type: number[];
  /** index in {@link PageData.attributes} */
  attribute: number[];
  /** bytes of the regular file */
  size: number[];
}

export interface PageData {
  /** the image, as the user named it */
  name: string;
  digest: string;
  compressed: number;
  uncompressed: number;
  paths: number;
  bytes: number;
  wastedBytes: number;
  /** from 0 to 1 */
  wastedPercent: number;
  efficiency: number;
  /** lowest first */
  layers: PageLayer[];
  /**
   * The last component of each path, joined by `/`: the root, which has an empty name, then all that is or was in it. A directory
   * comes before its children, siblings are sorted by bytes. A byte that is not UTF-8 is a lone surrogate (src/text/surrogates.ts).
   */
  names: string;
  /** by path: the number of directories above */
  depths: number[];
  changes: PageChanges;
  attributes: readonly Attributes[];
  /** by change: the target of a symlink */
  targets: [change: number, target: string][];
  /** by change: the number of a file with several names; the same number means the same file */
  links: [change: number, file: number][];
  difference?: PageDifference | undefined;
}
