import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { holeBudget } from '../../layer/holes.js';
import { readData } from '../../layer/merged/data.js';
import { readDirectoryFile, readDirectoryTree } from '../../layer/merged/read-directory.js';
import type { MergedTree } from '../../layer/merged/tree.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { exists } from '../../system/exists.js';
import { isMountPoint } from '../../system/mount.js';
import { inTurns } from '../../system/steps.js';
import { copyDriver, readBundleMeta, refuseLinkedRootfs } from '../bundle/metadata.js';
import { type ImageTreeOptions, readImageTree } from '../image/image-tree.js';

/** A file whose content is wanted. */
export interface Wanted {
  path: ByteString;
  inode: number;
}

/** One side of a comparison: an image, or the rootfs of a bundle. */
export interface Side {
  /** with the digests of all content */
  tree: MergedTree;
  /** of the layers of an image, lowest first; undefined for a bundle */
  diffIDs?: readonly string[];
  /** Reads the content of a few small regular files, by inode. */
  read(wanted: readonly Wanted[]): Promise<Map<number, Buffer>>;
}

/** Opens a side. @param name directory of a bundle, or `LAYOUT[:TAG]` @throws LayerhookError */
export function openSide(name: string, options: Omit<ImageTreeOptions, 'image'>): Promise<Side> {
  return exists(join(name, 'umoci.json')) ? openBundle(name, options) : openImage(name, options);
}

async function openImage(image: string, options: Omit<ImageTreeOptions, 'image'>): Promise<Side> {
  const { tree, sources } = await readImageTree({ ...options, image, digests: true });
  return { tree, read, diffIDs: sources.map(({ diffID }) => diffID) };

  async function read(wanted: readonly Wanted[]): Promise<Map<number, Buffer>> {
    const contents = new Map<number, Buffer>();
    const inodes = wanted.map(({ inode }) => inode);
    for await (const { inode, pieces } of readData(sources, tree.inodes, inodes, options.signal)) {
      const content = Buffer.alloc(tree.inodes.size(inode));
      for (const { offset, bytes } of pieces) bytes.copy(content, offset);
      contents.set(inode, content);
    }
    return contents;
  }
}

async function openBundle(
  bundle: string,
  { signal, limits, maxHoles = limits?.holes }: Omit<ImageTreeOptions, 'image'>,
): Promise<Side> {
  const { map, driver, distrust } = readBundleMeta(bundle);
  refuseLinkedRootfs(bundle, distrust);
  const rootfs = join(bundle, 'rootfs');
  if (driver.name !== copyDriver.name) requireMounted(bundle, rootfs);
  const tree = await inTurns(readDirectoryTree(rootfs, { map, holes: holeBudget(maxHoles) }), signal);
  const read = async (wanted: readonly Wanted[]) =>
    new Map(wanted.map(({ path, inode }) => [inode, readDirectoryFile(rootfs, path)]));
  return { tree, read };
}

/** A driver that mounts leaves an empty directory after a reboot. @throws LayerhookError BUNDLE_DAMAGED */
function requireMounted(bundle: string, rootfs: string): void {
  if (isMountPoint(fromText(rootfs)) || readdirSync(rootfs).length > 0) return;
  const expected = `mount it first: layerhook bundle mount ${bundle}`;
  throw new LayerhookError('BUNDLE_DAMAGED', { path: bundle, reason: 'its rootfs is not mounted', expected });
}
