import { openLayout } from '../../image/layout.js';
import { ociMediaType } from '../../image/media-types.js';
import type { Descriptor, Digest } from '../../image/types.js';
import type { AppliedLayer, MapOptions } from '../../layer/types.js';
import { LayerUnpacker } from '../../layer/unpacker.js';
import { type Logger, silentLogger } from '../../system/logger.js';

export interface ApplyLayerOptions {
  /** path of the image layout that has the blob */
  layout: string;
  descriptor: Descriptor;
  diffID: Digest;
  /** directory that has what the layers below make; it exists, and nobody else writes there */
  target: string;
  map: MapOptions;
  /** a symlink to a directory stays when the layer has a directory in its place; default false */
  keepDirlinks?: boolean | undefined;
  signal: AbortSignal;
  log?: Logger | undefined;
}

/**
 * Applies one layer of an image on top of a directory, exactly as unpack does: for stores that take in a layer which
 * repack has just made. Blob digest and diffID are verified.
 *
 * @throws LayerhookError of any code that unpack has for layers; what the target has then is not to be used
 */
export async function applyLayer(options: ApplyLayerOptions): Promise<AppliedLayer> {
  const { descriptor, diffID, target, map, keepDirlinks = false, signal, log = silentLogger } = options;
  const layout = openLayout(options.layout);
  const unpacker = new LayerUnpacker({ signal, onWarning: (message) => log.warn(message) });
  try {
    const source = {
      path: layout.blobPath(descriptor.digest),
      ...{ digest: descriptor.digest, size: descriptor.size, diffID },
      mediaType: ociMediaType(descriptor.mediaType),
    };
    return await unpacker.apply(source, target, {
      ...{
        map,
        keepDirlinks,
        format: 'plain',
        overlayXattr: 'trusted',
        manifest: false,
        track: target,
      },
    });
  } finally {
    await unpacker.close();
    await layout.close();
  }
}
