import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { LayerhookError } from '../../errors/index.js';
import type { Libzstd } from '../../system/zstd.js';
import type { ReaderOptions, WriterOptions } from './algorithm.js';
import type { NodeZstd } from './zstd-node.js';

/** The available implementation of zstd: node's own, or else libzstd. */
export type Zstd = { node: NodeZstd; library?: never } | { library: Libzstd; node?: never };

/**
 * Finds an implementation of zstd.
 *
 * @param allowNode false: use libzstd even if node supports zstd
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: node does not support it, and libzstd is not installed
 */
export async function findZstd(allowNode = true): Promise<Zstd> {
  if (allowNode && 'createZstdDecompress' in zlib) return { node: zlib as unknown as NodeZstd };
  try {
    const { loadLibzstd } = await import('../../system/zstd.js');
    return { library: await loadLibzstd() };
  } catch (error) {
    const reason = `node ${process.versions.node} does not support it, and ${(error as Error).message}`;
    const expected = 'use a newer node (22.15 or later) or install libzstd';
    throw new LayerhookError('COMPRESSION_UNAVAILABLE', { format: 'zstd', reason, expected }, error);
  }
}

/** True if node or libzstd supports zstd. */
export async function isZstdAvailable(): Promise<boolean> {
  return findZstd().then(
    () => true,
    () => false,
  );
}

/**
 * Creates a stream that decompresses any number of zstd frames, also skippable ones. It fails with COMPRESSION_CORRUPT,
 * and with LIMIT_EXCEEDED if a frame needs a larger window.
 */
export async function unzstd(
  digest: string,
  { zstdWindow = 2 ** 27 }: ReaderOptions = {},
  zstd?: Zstd,
): Promise<Transform> {
  const { node, library } = zstd ?? (await findZstd());
  const layer = { digest, windowLog: Math.min(31, Math.max(10, Math.floor(Math.log2(zstdWindow)))) };
  if (node) return new (await import('./zstd-node.js')).NodeUnzstd(node, layer);
  return new (await import('./zstd-library.js')).LibraryUnzstd(library, layer);
}

/** Creates a stream that compresses to one zstd frame with a checksum. */
export async function zstdCompress({ level }: WriterOptions, zstd?: Zstd): Promise<Transform> {
  const { node, library } = zstd ?? (await findZstd());
  if (library) return new (await import('./zstd-library.js')).LibraryZstd(library, level);
  const stream = node.createZstdCompress({ params: { [levelParameter]: level, [checksumParameter]: 1 } });
  return new (await import('./zstd-node.js')).NodeZstdCompress(stream);
}

/** ZSTD_c_compressionLevel and ZSTD_c_checksumFlag in zstd.h. */
const levelParameter = 100;
const checksumParameter = 201;
