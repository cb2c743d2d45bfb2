import { gzipSync } from 'node:zlib';
import { readData } from '../../../src/layer/merged/data.js';
import { readMergedTree } from '../../../src/layer/merged/read.js';
import type { MergedTree } from '../../../src/layer/merged/tree.js';
import type { LayerSource } from '../../../src/layer/types.js';
import { showMode, showTime, showXattrs } from '../../../src/testing/tree.js';
import { sha256 } from '../../helpers/image.js';
import { type RawEntry, tar } from '../../helpers/tar.js';
import type { Tree, TreeEntry } from '../../helpers/tree.js';

/** Returns layers that exist in memory only. */
export function sourcesOf(layers: (RawEntry[] | Buffer)[], { zip = false } = {}): LayerSource[] {
  return layers.map((layer) => {
    const bytes = Buffer.isBuffer(layer) ? layer : tar(layer);
    const data = zip ? gzipSync(bytes) : bytes;
    const mediaType = `application/vnd.oci.image.layer.v1.tar${zip ? '+gzip' : ''}`;
    const [path, digest, diffID] = ['in memory', sha256(data), sha256(bytes)];
    return { path, data, digest, size: data.length, mediaType, diffID };
  });
}

export function mergedTree(layers: (RawEntry[] | Buffer)[]): Promise<MergedTree> {
  return readMergedTree(sourcesOf(layers), { digests: true });
}

/** Lists a merged tree as the helpers list a directory. */
export function listMerged(tree: MergedTree): Tree {
  const listed: Tree = new Map();
  const names = new Map<number, string[]>();
  const { inodes } = tree;
  for (const { path, inode } of tree.walk()) {
    listed.set(path, describe(tree, inode));
    if (!inodes.isDirectory(inode)) names.set(inode, [...(names.get(inode) ?? []), path]);
  }
  for (const group of names.values())
    if (group.length > 1) for (const path of group) listed.get(path)!.links = [...group].sort();
  return listed;
}

function describe({ inodes }: MergedTree, inode: number): TreeEntry {
  const type = inodes.type(inode);
  const { mode, uid, gid, mtime, xattrs } = inodes.metadata(inode);
  const { major, minor } = inodes.device(inode);
  return {
    ...{ type: type === 'directory' ? 'dir' : type, mode: showMode(mode) },
    ...{ owner: `${uid}:${gid}`, mtime: showTime(mtime) },
    ...(type === 'file' && { size: inodes.size(inode), sha256: inodes.digest(inode)! }),
    ...(type === 'symlink' && { target: inodes.target(inode) }),
    ...((type === 'char' || type === 'block') && { device: `${major},${minor}` }),
    ...(xattrs.size > 0 && { xattrs: showXattrs(xattrs) }),
  };
}

/** Reads all regular files of a tree, holes as zeros, by inode, in the order in which their data comes. */
export async function readAll(sources: LayerSource[], tree: MergedTree): Promise<Map<number, Buffer>> {
  const files = Array.from({ length: tree.inodes.length }, (_, inode) => inode);
  const wanted = files.filter((inode) => tree.inodes.isKnown(inode) && tree.inodes.isRegular(inode));
  const found = new Map<number, Buffer>();
  for await (const { inode, pieces } of readData(sources, tree.inodes, wanted)) {
    const content = Buffer.alloc(tree.inodes.size(inode));
    for (const { offset, bytes } of pieces) bytes.copy(content, offset);
    found.set(inode, content);
  }
  return found;
}
