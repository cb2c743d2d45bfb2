import { counted } from '../../errors/counted.js';
import { LayerhookError } from '../../errors/index.js';
import type { FileType } from '../../layer/file-types.js';
import { readData } from '../../layer/merged/data.js';
import { lookUp, type Missing } from '../../layer/merged/look-up.js';
import type { MergedTree } from '../../layer/merged/tree.js';
import type { LayerSource } from '../../layer/types.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { type ImageTree, type ImageTreeOptions, readImageTree } from './image-tree.js';

export interface ReadFileOptions extends ImageTreeOptions {
  /** path in the image, with or without a leading slash; symlinks lead inside the image */
  path: ByteString;
  /** a larger file is refused, bytes */
  maxBytes: number;
}

const zeros = Buffer.alloc(64 * 1024);

/**
 * Returns the content of a regular file of an image without unpacking the image. Holes become zeros.
 *
 * @throws LayerhookError IMAGE_FILE, LIMIT_EXCEEDED, and those of reading images and layers; the content throws the last too
 */
export async function readImageFile(options: ReadFileOptions): Promise<AsyncIterable<Buffer>> {
  const { path, maxBytes, signal } = options;
  const found = await readImageTree(options);
  const inode = regularFile(found, path, options.image);
  const size = found.tree.inodes.size(inode);
  if (size > maxBytes) {
    const what = `size of ${showBytes(path)} (${counted(size, 'bytes')})`;
    throw new LayerhookError('LIMIT_EXCEEDED', {
      what,
      limit: `${counted(maxBytes, 'bytes')}, which --max-size raises`,
    });
  }
  return contentOf(found.sources, found, inode, signal);
}

async function* contentOf(
  sources: readonly LayerSource[],
  { tree: { inodes } }: ImageTree,
  inode: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  for await (const { pieces } of readData(sources, inodes, [inode], signal)) {
    let end = 0;
    for (const { offset, bytes } of pieces) {
      yield* holes(offset - end);
      // a copy, because the reader of this generator may keep it
      yield Buffer.from(bytes);
      end = offset + bytes.length;
    }
    yield* holes(inodes.size(inode) - end);
  }
}

function* holes(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= zeros.length)
    yield zeros.subarray(0, Math.min(left, zeros.length));
}

function regularFile({ tree }: ImageTree, path: ByteString, image: string): number {
  const fail = (reason: string, expected = `layerhook ls-files ${image} lists the files`) =>
    new LayerhookError('IMAGE_FILE', { path: showBytes(path), image, reason, expected });
  const found = lookUp(tree, path, { follow: true });
  if (typeof found === 'string') throw fail((found === 'missing' && symlinkAt(tree, path)) || reasons[found]);
  const type = tree.inodes.type(found.inode);
  if (type === 'file') return found.inode;
  throw fail(`it is a ${names[type]}`);
}

/** Returns why a symlink leads nowhere; undefined if the path is not one. */
function symlinkAt(tree: MergedTree, path: ByteString): string | undefined {
  const found = lookUp(tree, path, { follow: false });
  if (typeof found === 'string' || !tree.inodes.isSymlink(found.inode)) return undefined;
  return `it is a symlink to ${showBytes(tree.inodes.target(found.inode))}, which leads to no file of the image`;
}

const names: Readonly<Record<Exclude<FileType, 'file'>, string>> = {
  directory: 'directory',
  symlink: 'symlink',
  char: 'character device',
  block: 'block device',
  fifo: 'FIFO',
};

const reasons: Readonly<Record<Missing, string>> = {
  missing: 'it does not exist',
  'not a directory': 'a file above it is not a directory',
  'too many symlinks': 'it leads through too many symlinks',
};
