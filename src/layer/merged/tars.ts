import { type OpenSource, RingReader, readWholeLayer, SourceThread } from '../stream/index.js';
import type { ByteSource, LayerSource } from '../types.js';

/** The tar of a layer that is open for reading. */
export interface OpenTar {
  source: LayerSource;
  /** index of the source */
  index: number;
  bytes: ByteSource;
}

/** Number of layers that are decompressed in advance; each may fill a ring of 3 MiB. */
const ahead = 2;

/**
 * Opens the tars of layers, one after the other. A caller that reads a tar to its end has read a verified layer; the rest
 * of a tar may stay unread. A small layer is decompressed in one call, larger ones in a thread.
 *
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE; `read` of a tar throws BLOB_DIGEST, DIFF_ID, COMPRESSION_CORRUPT,
 *   ABORTED and others
 */
export async function* layerTars(
  sources: readonly LayerSource[],
  signal?: AbortSignal,
): AsyncGenerator<OpenTar> {
  let thread: SourceThread | undefined;
  const open = (source: LayerSource): OpenSource | Buffer => {
    const whole = readWholeLayer(source);
    if (whole !== null) return whole;
    thread ??= new SourceThread();
    return thread.open(source, { signal });
  };
  const opened: (OpenSource | Buffer)[] = [];
  try {
    for (const [index, source] of sources.entries()) {
      for (const next of sources.slice(index + opened.length, index + 1 + ahead)) opened.push(open(next));
      yield* oneTar(source, index, opened.shift()!);
    }
  } finally {
    await thread?.close();
  }
}

async function* oneTar(
  source: LayerSource,
  index: number,
  opened: OpenSource | Buffer,
): AsyncGenerator<OpenTar> {
  if (Buffer.isBuffer(opened)) {
    yield { source, index, bytes: once(opened) };
    return;
  }
  const reader = new RingReader(opened.ring);
  try {
    yield { source, index, bytes: reader };
  } finally {
    reader.close();
  }
}

function once(bytes: Buffer): ByteSource {
  let rest: Buffer | null = bytes;
  return {
    read() {
      const given = rest;
      rest = null;
      return given;
    },
  };
}
