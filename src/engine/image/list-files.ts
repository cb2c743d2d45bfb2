import { findLayer } from '../../image/find-layer.js';
import { entryJson, xattrsJson } from '../../layer/entries/json.js';
import { readEntries } from '../../layer/merged/read.js';
import type { MergedTree, Walked } from '../../layer/merged/tree.js';
import type { LayerSource } from '../../layer/types.js';
import { encodeName } from '../../text/json-names.js';
import { type ImageTreeOptions, openSources, readImageTree } from './image-tree.js';

/**
 * Lists the files of an image, or the entries of one of its layers, as objects for JSON: docs/json.md, `ls-files`.
 *
 * @param layer index of the layer, 0 is the lowest, or its diffID or blob digest, also shortened; undefined: the files of the
 *   image, as all layers together make them
 * @throws LayerhookError LAYER_NOT_FOUND, and those of reading images and layers
 */
export async function listFiles(
  options: ImageTreeOptions,
  layer: string | undefined,
): Promise<Iterable<object> | AsyncIterable<object>> {
  if (layer === undefined) {
    const { tree } = await readImageTree(options);
    return fileRows(tree);
  }
  const { sources } = await openSources(options);
  return entryRows(sources, findLayer(sources, layer, options.image), options.signal);
}

function* fileRows(tree: MergedTree): Generator<object> {
  const links = tree.linkCounts();
  for (const file of tree.walk()) yield fileRow(tree, file, links[file.inode]!);
}

/** Returns a file as an entry of a layer, with its layer, and the number of its names if there are several. */
export function fileRow({ inodes }: MergedTree, { path, inode, layer }: Walked, links: number): object {
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
): AsyncGenerator<object> {
  for await (const entry of readEntries(sources[layer]!, signal)) yield { ...entryJson(entry), layer };
}
