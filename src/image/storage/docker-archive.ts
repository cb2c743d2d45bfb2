import { resolve } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { close } from '../../system/close.js';
import { formatCounted } from '../../text/counted.js';
import { encodeJson, parseJson } from '../../text/json-lossless.js';
import { digestOf } from '../digest.js';
import { checkConfig } from '../documents.js';
import { configMediaType, layerMediaType, manifestMediaType } from '../media-types.js';
import { refNameAnnotation } from '../ref-name.js';
import { emptyIndex } from '../resume-layout.js';
import type { Descriptor, Digest, ImageConfig, Manifest } from '../types.js';
import { invalidLayout } from '../version.js';
import { digestMember } from './digest-member.js';
import { checkImageList, type SavedImage } from './saved-images.js';
import type { BlobPlace, GarbageResult, LayoutStorage, LayoutWriter } from './storage.js';
import {
  cleanName,
  type Member,
  type Members,
  openTar,
  readFully,
  readMember,
  readMembers,
} from './tar-members.js';

const maxConfigBytes = 8 << 20;
/** A layer may be a symlink to another layer, as docker writes a layer that occurs twice; chains are short. */
const maxLinks = 8;

/** Compressions of layers that other programs put into such archives, by the first bytes of the layer. */
const compressedLayers: [suffix: string, magic: string][] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
];

/**
 * The tar of `docker save`, read as a layout: manifest.json lists the images, with their configs and layers. Old archives
 * name a layer `ID/layer.tar`, podman's `DIGEST.tar`, and those of docker 25 and later are OCI layouts too. The layers are
 * uncompressed, so that their digests are the diffIDs of the config, which is verified when a layer is read.
 *
 * The manifests do not exist in such an archive. They are made in memory, from config and layers.
 */
export class DockerArchive implements LayoutStorage {
  readonly path: string;
  readonly #file: string;
  readonly #members: Members;
  readonly #index: Buffer;
  readonly #places = new Map<Digest, BlobPlace>();
  /** what was read and hashed, by offset: a hostile archive may name one file many times */
  readonly #digestsAt = new Map<number, Digest>();
  readonly #configsAt = new Map<number, { bytes: Buffer; config: ImageConfig }>();
  readonly #maxConfig: number;

  private constructor(file: string, maxJson: number | undefined) {
    this.path = `docker-archive:${file}`;
    this.#file = file;
    this.#maxConfig = maxJson ?? maxConfigBytes;
    this.#members = readMembers(file, this.path);
    this.#index = encodeJson({ ...emptyIndex, manifests: this.#readImages(maxJson) });
  }

  /**
   * Opens an archive, and reads manifest.json and the configs.
   *
   * @param maxJson limit for each JSON document, in bytes
   * @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID, IMAGE_INVALID, LIMIT_EXCEEDED, SYSTEM
   */
  static open(file: string, maxJson?: number): DockerArchive {
    return new DockerArchive(file, maxJson);
  }

  get absolutePath(): string {
    return `docker-archive:${resolve(this.#file)}`;
  }

  readIndex(): { bytes: Buffer; what: string } {
    return { bytes: this.#index, what: `manifest.json of ${this.path}` };
  }

  blobPlace(digest: string): BlobPlace {
    return this.#places.get(digest as Digest) ?? { path: `${this.#file}/${digest}` };
  }

  hasBlob(digest: string): boolean {
    return this.#places.has(digest as Digest);
  }

  blobs(): { digest: Digest; path: string }[] {
    return [...this.#places.keys()].map((digest) => ({ digest, path: `${this.#file}/${digest}` }));
  }

  async lock<T>(_: 'exclusive' | 'shared', action: () => T | Promise<T>): Promise<T> {
    return action();
  }

  openWriter(): Promise<LayoutWriter> {
    return Promise.reject(unwritable(this.path));
  }

  sweep(): Promise<GarbageResult> {
    return Promise.reject(unwritable(this.path));
  }

  #readImages(maxJson: number | undefined): Descriptor[] {
    const list = this.#read('manifest.json', maxJson ?? 4 << 20);
    if (list === undefined)
      throw invalidLayout(this.path, 'its tar has no file manifest.json: docker save writes one');
    return checkImageList(this.#parse(list, 'manifest.json'), this.path).flatMap((image) =>
      this.#imageDescriptors(image),
    );
  }

  /** Makes the manifest of an image. Returns one descriptor for each of its tags, or one without a tag. */
  #imageDescriptors({ config: name, tags, layers }: SavedImage): Descriptor[] {
    const { bytes, config } = this.#config(name);
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: manifestMediaType,
      config: { mediaType: configMediaType, ...this.#keep(bytes) },
      layers: this.#layers(layers, config, name),
    };
    const descriptor: Descriptor = {
      mediaType: manifestMediaType,
      ...this.#keep(encodeJson(manifest)),
      ...platformOf(config),
    };
    if (tags.length === 0) return [descriptor];
    return tags.map((tag) => ({ ...descriptor, annotations: { [refNameAnnotation]: tag } }));
  }

  #config(name: string): { bytes: Buffer; config: ImageConfig } {
    const offset = this.#find(name)?.offset;
    const known = offset === undefined ? undefined : this.#configsAt.get(offset);
    if (known) return known;
    const bytes = this.#read(name, this.#maxConfig);
    if (bytes === undefined || offset === undefined)
      throw invalidLayout(this.path, `its tar has no file ${name}, the config of an image`);
    const config = checkConfig(this.#parse(bytes, name), `${name} of ${this.path}`);
    this.#configsAt.set(offset, { bytes, config });
    return { bytes, config };
  }

  #layers(names: readonly string[], config: ImageConfig, what: string): Descriptor[] {
    const diffIDs = config.rootfs.diff_ids;
    if (diffIDs.length !== names.length) {
      const reason = `it has ${formatCounted(diffIDs.length, 'diff_ids')} for ${formatCounted(names.length, 'layers')}`;
      throw new LayerhookError('IMAGE_INVALID', { what: `${what} of ${this.path}`, reason });
    }
    return names.map((name, at) => this.#layer(name, diffIDs[at]!));
  }

  #layer(name: string, diffID: Digest): Descriptor {
    const range = this.#find(name);
    if (range === undefined) throw invalidLayout(this.path, `its tar has no layer ${name}`);
    const suffix = this.#compressionOf(range);
    const digest = suffix === undefined ? diffID : this.#digestOf(range);
    this.#places.set(digest, { path: this.#file, range });
    const mediaType = suffix === undefined ? layerMediaType : `${layerMediaType}+${suffix}`;
    return { mediaType, digest, size: range.size };
  }

  #digestOf(member: Member): Digest {
    const digest = this.#digestsAt.get(member.offset) ?? digestMember(this.#file, member);
    this.#digestsAt.set(member.offset, digest);
    return digest;
  }

  #compressionOf({ offset, size }: Member): string | undefined {
    const start = Buffer.alloc(Math.min(4, size));
    const fd = openTar(this.#file, this.path);
    try {
      readFully(fd, start, offset);
    } finally {
      close(fd);
    }
    return compressedLayers.find(([, magic]) => start.toString('hex').startsWith(magic))?.[0];
  }

  /** Notes a document that is a blob. */
  #keep(data: Buffer): { digest: Digest; size: number } {
    const digest = digestOf(data);
    this.#places.set(digest, { path: `${this.#file}/${digest}`, data });
    return { digest, size: data.length };
  }

  #read(name: string, maxBytes: number): Buffer | undefined {
    if (this.#members.repeated.has(name)) throw invalidLayout(this.path, `its tar has several files ${name}`);
    const member = this.#find(name);
    return member && readMember(this.#file, member, `${name} of ${this.path}`, maxBytes);
  }

  #parse(bytes: Buffer, name: string): unknown {
    try {
      return parseJson(bytes);
    } catch (error) {
      throw invalidLayout(this.path, `its file ${name} is not JSON`, error);
    }
  }

  /** Finds a file by its name. Links are followed inside the tar. */
  #find(name: string): Member | undefined {
    const { files, links } = this.#members;
    let at = cleanName(name);
    for (let count = 0; at !== undefined && count < maxLinks; count++) {
      const found = files.get(at);
      if (found) return found;
      const target = links.get(at);
      if (target === undefined) return undefined;
      at = target.startsWith('/') ? cleanName(target) : cleanName(resolve('/', at, '..', target));
    }
    return undefined;
  }
}

/** The error of a layout that cannot be changed. */
export function unwritable(path: string): LayerhookError {
  return new LayerhookError('LAYOUT_UNWRITABLE', {
    path,
    reason: 'a docker-archive can only be read',
    expected: 'copy the image to a directory or to oci-archive:FILE first: layerhook copy SOURCE TARGET',
  });
}

function platformOf({ os, architecture, variant }: ImageConfig): Pick<Descriptor, 'platform'> {
  if (!os || !architecture) return {};
  return { platform: { architecture, os, ...(variant && { variant }) } };
}
