import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { LayerhookError } from '../../errors/index.js';
import type { Libzstd } from '../../system/zstd.js';
import type { NodeZstd } from './zstd-node.js';

/** The zstd there is: node's own, else libzstd. */
export type Zstd = { node: NodeZstd; library?: never } | { library: Libzstd; node?: never };

export interface ZstdOptions {
  /** 1 to 19; default 3, zstd's own */
  level?: number;
}

/**
 * @param allowNode false to use libzstd even where node has zstd
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: neither is there
 */
export async function findZstd(allowNode = true): Promise<Zstd> {
  if (allowNode && 'createZstdDecompress' in zlib) return { node: zlib as unknown as NodeZstd };
  try {
    const { loadLibzstd } = await import('../../system/zstd.js');
    return { library: await loadLibzstd() };
  } catch (error) {
    const reason = `node ${process.versions.node} has none, and ${(error as Error).message}`;
    throw new LayerhookError('COMPRESSION_UNAVAILABLE', { format: 'zstd', reason }, error);
  }
}

/** A stream that decompresses zstd: any number of frames, skippable ones among them. Errors with COMPRESSION_CORRUPT. */
export async function unzstd(digest: string, zstd?: Zstd): Promise<Transform> {
  const { node, library } = zstd ?? (await findZstd());
  if (node) return new (await import('./zstd-node.js')).NodeUnzstd(node, digest);
  return new (await import('./zstd-library.js')).LibraryUnzstd(library, digest);
}

/** A stream that compresses to one zstd frame with a checksum. */
export async function zstdCompress({ level = 3 }: ZstdOptions = {}, zstd?: Zstd): Promise<Transform> {
  const { node, library } = zstd ?? (await findZstd());
  if (library) return new (await import('./zstd-library.js')).LibraryZstd(library, level);
  const stream = node.createZstdCompress({ params: { [LEVEL]: level, [CHECKSUM]: 1 } });
  return new (await import('./zstd-node.js')).NodeZstdCompress(stream);
}

/** ZSTD_c_compressionLevel and so on, of zstd.h. */
const LEVEL = 100;
const CHECKSUM = 201;
