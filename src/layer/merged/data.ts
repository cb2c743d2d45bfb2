import { LayerhookError } from '../../errors/index.js';
import { Pace } from '../../system/steps.js';
import { BlockReader } from '../../tar/blocks.js';
import type { LayerSource } from '../types.js';
import type { DataPlace, Inodes } from './inodes.js';
import { layerTars } from './tars.js';

/** A piece of a file. */
interface Piece {
  /** where it belongs in the file; what lies between two pieces, and after the last one, is a hole */
  offset: number;
  /** valid until the next piece */
  bytes: Buffer;
}

export interface FileData {
  inode: number;
  /** the content in order; unread pieces are skipped */
  pieces: Iterable<Piece>;
}

/**
 * Reads the content of regular files of an image, in the order of the layers and of their tars: each layer with wanted files is
 * decompressed once. Files without stored content come too, in the same order.
 *
 * The pieces of a layer are verified only after the last one: when the generator goes on, ends, or throws. The caller must
 * not publish a result before that.
 *
 * @param sources the layers that the tree was read from
 * @param wanted inodes of regular files, in any order
 * @throws LayerhookError BLOB_DIGEST, DIFF_ID, ABORTED and others of reading a layer
 */
export async function* readData(
  sources: readonly LayerSource[],
  inodes: Inodes,
  wanted: Iterable<number>,
  signal?: AbortSignal,
): AsyncGenerator<FileData> {
  const byLayer = groupByLayer(inodes, wanted);
  const layers = [...byLayer.keys()].sort((a, b) => a - b);
  const tars = layerTars(
    layers.map((layer) => sources[layer]!),
    signal,
  );
  const pace = new Pace(signal);
  for await (const { index, bytes, source } of tars) {
    const blocks = new BlockReader(bytes);
    for (const inode of byLayer.get(layers[index]!)!) {
      const place = inodes.data(inode);
      blocks.skip(place.offset - blocks.position);
      const pieces = filePieces(blocks, place, source.digest);
      yield { inode, pieces };
      for (const _ of pieces) if (pace.isDue) await pace.turn();
      if (pace.isDue) await pace.turn();
    }
    blocks.drain();
  }
}

/** Returns the inodes by layer, sorted by the offset of their data. */
function groupByLayer(inodes: Inodes, wanted: Iterable<number>): Map<number, number[]> {
  const byLayer = new Map<number, number[]>();
  const isKnown = new Uint8Array(inodes.length);
  for (const inode of wanted) {
    if (isKnown[inode] === 1) continue;
    isKnown[inode] = 1;
    const layer = inodes.layer(inode);
    const group = byLayer.get(layer);
    if (group === undefined) byLayer.set(layer, [inode]);
    else group.push(inode);
  }
  for (const group of byLayer.values()) group.sort((a, b) => inodes.dataOffset(a) - inodes.dataOffset(b));
  return byLayer;
}

/** Gives the stored bytes of a file. Iterating again goes on with the rest. */
function filePieces(blocks: BlockReader, { stored, sparse }: DataPlace, digest: string): Iterable<Piece> {
  const map = sparse ?? [0, stored];
  const pieces = piecesOf(blocks, map, digest);
  return { [Symbol.iterator]: () => ({ next: () => pieces.next() }) };
}

function* piecesOf(blocks: BlockReader, map: readonly number[], digest: string): Generator<Piece, undefined> {
  for (let at = 0; at < map.length; at += 2) {
    let offset = map[at]!;
    for (let left = map[at + 1]!; left > 0; ) {
      const bytes = blocks.read(left);
      if (bytes === null) throw changed(digest);
      yield { offset, bytes };
      offset += bytes.length;
      left -= bytes.length;
    }
  }
}

/** The blob is another one than the tree was read from. */
function changed(digest: string): LayerhookError {
  return new LayerhookError('TAR_INVALID', {
    digest,
    offset: 0,
    reason: 'the layer changed while it was read',
  });
}
