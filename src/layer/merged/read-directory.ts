import { type ByteString, showBytes } from '../../system/bytes.js';
import { close } from '../../system/close.js';
import { inodeNumber, StatBuffer } from '../../system/stat.js';
import type { Steps } from '../../system/steps.js';
import { ContentHash } from '../content-hash.js';
import { readContent } from '../generate/content.js';
import { readEntry } from '../generate/entry.js';
import { hasOtherNames } from '../generate/hardlinks.js';
import { RootfsReader, typeOf } from '../generate/rootfs.js';
import { type HoleBudget, holesOf, takeHoles } from '../holes.js';
import type { MapOptions } from '../types.js';
import { walkSteps } from '../walk/index.js';
import { Merger } from './merge.js';
import { MergedTree } from './tree.js';

/**
 * Reads a directory, such as the rootfs of a bundle, into a tree: with the owners and attributes that its files would have
 * in a layer, and the digests of their content. Sockets, which no layer can hold, are left out.
 *
 * @param map IDs on this host and in the image
 * @param holes how many bytes of holes may be hashed
 * @throws LayerhookError FILE_CHANGED, ID_UNMAPPED, LIMIT_EXCEEDED, SYSTEM
 */
export function* readDirectoryTree(
  root: string,
  { map, holes }: { map: MapOptions; holes: HoleBudget },
): Steps<MergedTree> {
  const tree = new MergedTree();
  const merger = new Merger(tree);
  /** the first name of each file that has several */
  const firstNames = new Map<string, ByteString>();
  merger.begin(0, root, null);
  const reader = new RootfsReader(root);
  const visit = (path: ByteString, stat: StatBuffer) => {
    if (typeOf(stat) === 'socket') return;
    const entry = readEntry(reader, path, stat, reader.xattrs(path), { map, subsecond: true });
    const checked = { ...entry, path, offset: 0, stored: entry.size, sparse: null };
    const first = hasOtherNames(stat) ? firstNames.get(inodeNumber(stat)) : undefined;
    if (first !== undefined) merger.add({ ...checked, type: 'hardlink', linkname: first }, null);
    else merger.add(checked, entry.type === 'file' ? hashFile(reader, path, holes) : null);
    if (hasOtherNames(stat) && first === undefined) firstNames.set(inodeNumber(stat), path);
  };
  try {
    yield* walkSteps(root, visit);
  } finally {
    reader.close();
  }
  merger.end();
  return tree;
}

/** Reads a file below a directory, which other processes may be changing, without following symlinks. */
export function readDirectoryFile(root: string, path: ByteString): Buffer {
  const reader = new RootfsReader(root);
  try {
    return Buffer.concat([...contentOf(reader, path, null)]);
  } finally {
    reader.close();
  }
}

function hashFile(reader: RootfsReader, path: ByteString, holes: HoleBudget): ByteString {
  const hash = new ContentHash();
  let size = 0;
  for (const chunk of contentOf(reader, path, holes)) {
    hash.add(chunk, size);
    size += chunk.length;
  }
  return hash.finish(size);
}

function* contentOf(reader: RootfsReader, path: ByteString, holes: HoleBudget | null): Generator<Buffer> {
  const stat = new StatBuffer();
  const fd = reader.openFile(path, stat);
  try {
    if (holes !== null) takeHoles(holes, holesOf(fd, stat, holes.limit), showBytes(path));
    yield* readContent(fd, path, stat);
  } finally {
    close(fd);
  }
}
