import type { Descriptor, Digest } from '../../src/image/types.js';
import type { DeltaContext, ImageContext, LayerContext } from '../../src/points/points.js';
import { silentLogger } from '../../src/system/logger.js';

const digest = (char: string): Digest => `sha256:${char.repeat(64)}`;
const descriptor = (mediaType: string, char: string): Descriptor => ({
  mediaType: `application/vnd.oci.image.${mediaType}`,
  digest: digest(char),
  size: 100,
});

/** Returns a context of the image's points, as the engine creates it for an image with two layers. */
export function imageContext(rootfs: string, more: Partial<ImageContext> = {}): ImageContext {
  const layers = [descriptor('layer.v1.tar+gzip', 'a'), descriptor('layer.v1.tar+gzip', 'b')];
  const configDescriptor = descriptor('config.v1+json', 'c');
  return {
    signal: new AbortController().signal,
    log: silentLogger,
    bundle: '/srv/bundle',
    rootfs,
    map: { uidMappings: [], gidMappings: [], rootless: false },
    layout: '/srv/image',
    reference: 'latest',
    manifest: { schemaVersion: 2, config: configDescriptor, layers },
    manifestDescriptor: descriptor('manifest.v1+json', 'd'),
    config: {
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [digest('1'), digest('2')] },
    },
    configDescriptor,
    state: {},
    keepDirlinks: false,
    treeID: `sha256-${'3'.repeat(64)}`,
    treeIDs: ['1', '3'].map((char) => `sha256-${char.repeat(64)}`),
    layers: layers.map((layer, index) => ({
      descriptor: layer,
      diffID: digest(`${index + 1}`),
      chainID: digest(index === 0 ? '1' : '3'),
      treeID: `sha256-${(index === 0 ? '1' : '3').repeat(64)}`,
      blob: `/srv/image/blobs/sha256/${layer.digest.slice(7)}`,
      blobOffset: 0,
    })),
    ...more,
  };
}

/** Returns the context of one layer. */
export function layerContext(rootfs: string, index = 0, more: Partial<LayerContext> = {}): LayerContext {
  const image = imageContext(rootfs);
  const chainIDs = [digest('1'), digest('3')];
  const layer = image.manifest.layers[index] as Descriptor;
  return {
    ...image,
    ...image.layers[index]!,
    index,
    descriptor: layer,
    diffID: image.config.rootfs.diff_ids[index] as Digest,
    chainID: chainIDs[index] as Digest,
    lowerChainIDs: chainIDs.slice(0, index),
    chainIDs,
    blob: `/srv/image/blobs/sha256/${layer.digest.slice(7)}`,
    blobOffset: 0,
    ...more,
  };
}

/** Returns the context of delta-list. */
export function deltaContext(rootfs: string): DeltaContext {
  return { ...imageContext(rootfs), mtree: null, maskPaths: [], refresh: false };
}
