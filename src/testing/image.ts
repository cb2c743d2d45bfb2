import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Descriptor, Digest, ImageConfig, Index, Manifest } from '../image/types.js';
import { type RawEntry, tar } from './tar.js';

/** A layer: entries, or the bytes of a tar, which may be malformed. */
export type RawLayer = RawEntry[] | Buffer;

export interface ImageOptions {
  /** default: `latest` */
  tag?: string;
  /** the execution part of the image config, `config.config` */
  config?: Record<string, unknown>;
  /** default: gzip */
  compression?: 'gzip' | 'none';
  /** converts a layer's tar to its blob, instead of `compression`; the media type does not change */
  blob?: (tar: Buffer, index: number) => Buffer;
  /** changes each document before it is written */
  edit?: {
    config?: (config: ImageConfig) => void;
    manifest?: (manifest: Manifest) => void;
    index?: (index: Index) => void;
  };
}

export interface BuiltImage {
  layout: string;
  tag: string;
  /** `layout:tag`, for the command line */
  reference: string;
  manifest: Manifest;
  config: ImageConfig;
  /** returns the path of a blob */
  blob(digest: string): string;
}

/**
 * Writes an image with the given layers into a layout, independent of the code that reads images.
 *
 * @param layout a new directory, or an existing layout
 */
export function writeImage(layout: string, layers: RawLayer[], options: ImageOptions = {}): BuiltImage {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const tag = options.tag ?? 'latest';
  const tars = layers.map((layer) => (Buffer.isBuffer(layer) ? layer : tar(layer)));
  const plain = options.compression === 'none';
  const blobs = tars.map(options.blob ?? ((bytes) => (plain ? bytes : gzipSync(bytes, { level: 1 }))));
  const mediaType = `application/vnd.oci.image.layer.v1.tar${plain ? '' : '+gzip'}`;

  const config: ImageConfig = {
    created: '2020-01-01T00:00:00Z',
    architecture: 'amd64',
    os: 'linux',
    config: options.config ?? {},
    rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
    history: tars.map(() => ({ created: '2020-01-01T00:00:00Z', created_by: 'test' })),
  };
  options.edit?.config?.(config);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: put(layout, json(config), 'application/vnd.oci.image.config.v1+json'),
    layers: blobs.map((blob) => put(layout, blob, mediaType)),
  };
  options.edit?.manifest?.(manifest);
  const index = readIndex(layout);
  index.manifests.push({
    ...put(layout, json(manifest), manifest.mediaType!),
    annotations: { 'org.opencontainers.image.ref.name': tag },
  });
  options.edit?.index?.(index);
  writeFileSync(join(layout, 'index.json'), json(index));
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  return { layout, tag, reference: `${layout}:${tag}`, manifest, config, blob };
}

/** Writes a blob and returns its descriptor. */
export function put(layout: string, content: Buffer, mediaType: string): Descriptor {
  const digest = sha256(content);
  writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), content);
  return { mediaType, digest, size: content.length };
}

export function sha256(content: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function readIndex(layout: string): Index {
  try {
    return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  } catch {
    return { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] };
  }
}

function json(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}
