import { findLayer } from '../../image/find-layer.js';
import { type EntryJson, entryJson, type XattrJson, xattrsJson } from '../../layer/entries/json.js';
import { readEntries } from '../../layer/merged/read.js';
import type { MergedTree, Walked } from '../../layer/merged/tree.js';
import type { LayerSource, Time } from '../../layer/types.js';
import { type EncodedName, encodeName } from '../../text/json-names.js';
import { type ImageTreeOptions, openSources, readImageTree } from './image-tree.js';

/** A file of an image in JSON: docs/json.md, `ls-files`. */
export interface FileRow extends EncodedName<'path'>, EncodedName<'link'> {
  type: Exclude<EntryJson['type'], 'hardlink' | 'whiteout' | 'opaque'>;
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  /** of a file: bytes of its content */
  size?: number;
  /** of a device: major and minor number */
  device?: [major: number, minor: number];
  xattrs?: XattrJson[];
  /** 0 is the lowest */
  layer: number;
  /** number of names, if there are several */
  links?: number;
}

/** An entry of one layer in JSON. */
export interface EntryRow extends EntryJson {
  /** 0 is the lowest */
  layer: number;
}

/**
 * Lists the files of an image, or the entries of one of its layers, as objects for JSON: docs/json.md, `ls-files`.
 *
 * @param layer index of the layer, 0 is the lowest, or its diffID or blob digest, also shortened; undefined: the files of the
 *   image, as all layers together make them
 * @throws LayerhookError LAYER_NOT_FOUND, and those of reading images and layers
 */
export async function listFiles(options: ImageTreeOptions, layer: undefined): Promise<Iterable<FileRow>>;
export async function listFiles(options: ImageTreeOptions, layer: string): Promise<AsyncIterable<EntryRow>>;
export async function listFiles(
  options: ImageTreeOptions,
  layer: string | undefined,
): Promise<Iterable<FileRow> | AsyncIterable<EntryRow>>;
export async function listFiles(
  options: ImageTreeOptions,
  layer: string | undefined,
): Promise<Iterable<FileRow> | AsyncIterable<EntryRow>> {
  if (layer === undefined) {
    const { tree } = await readImageTree(options);
    return fileRows(tree);
  }
  const { sources } = await openSources(options);
  return entryRows(sources, findLayer(sources, layer, options.image), options.signal);
}

function* fileRows(tree: MergedTree): Generator<FileRow> {
  const links = tree.linkCounts();
  for (const file of tree.walk()) yield fileRow(tree, file, links[file.inode]!);
}

/** Returns a file as an entry of a layer, with its layer, and the number of its names if there are several. */
export function fileRow({ inodes }: MergedTree, { path, inode, layer }: Walked, links: number): FileRow {
  const type = inodes.type(inode);
  const { major, minor } = inodes.device(inode);
  const { mode, uid, gid, mtime, xattrs } = inodes.metadata(inode);
  return {
    ...encodeName('path', path),
    ...{ type, mode, uid, gid, mtime },
    ...(type === 'file' && { size: inodes.size(inode) }),
    ...(type === 'symlink' && encodeName('link', inodes.target(inode))),
    ...((type === 'char' || type === 'block') && { device: [major, minor] }),
    ...(xattrs.size > 0 && { xattrs: xattrsJson(xattrs) }),
    layer: type === 'directory' ? inodes.layer(inode) : layer,
    ...(links > 1 && { links }),
  };
}

async function* entryRows(
  sources: readonly LayerSource[],
  layer: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<EntryRow> {
  for await (const entry of readEntries(sources[layer]!, signal)) yield { ...entryJson(entry), layer };
}
