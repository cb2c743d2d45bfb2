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
  /** existing directory with the content of the lower layers; no other process may write to it */
  target: string;
  map: MapOptions;
  /** true: a symlink to a directory stays when the layer has a directory of that name; default false */
  keepDirlinks?: boolean | undefined;
  signal: AbortSignal;
  log?: Logger | undefined;
}

/**
 * Applies one layer of an image on top of a directory, exactly as unpack does. Stores use this for the layer that a repack has
 * made. The blob digest and the diffID are verified.
 *
 * @throws LayerhookError of any code that unpack has for layers; the target is then incomplete and must not be used
 */
export async function applyLayer(options: ApplyLayerOptions): Promise<AppliedLayer> {
  const { descriptor, diffID, target, map, keepDirlinks = false, signal, log = silentLogger } = options;
  const layout = openLayout(options.layout);
  const unpacker = new LayerUnpacker({ signal, onWarning: (message) => log.warn(message) });
  try {
    const source = {
      ...layout.blobPlace(descriptor.digest),
      ...{ digest: descriptor.digest, size: descriptor.size, diffID },
      mediaType: ociMediaType(descriptor.mediaType),
    };
    return await unpacker.apply(source, target, {
      ...{
        map,
        keepDirlinks,
        whiteouts: null,
        overlayXattr: 'trusted',
        mtree: false,
        track: target,
      },
    });
  } finally {
    await unpacker.close();
    await layout.close();
  }
}
