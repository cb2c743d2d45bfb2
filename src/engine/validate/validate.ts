import { isLayerhookError, LayerhookError, type Limits } from '../../errors/index.js';
import { findNamed } from '../../image/find-image.js';
import { type Layout, openLayout } from '../../image/layout.js';
import { configMediaType, indexMediaType, manifestMediaType, ociMediaType } from '../../image/media-types.js';
import { readConfig, readIndexBlob, readManifest } from '../../image/read.js';
import { parseImageReference, tagOf } from '../../image/references.js';
import type { Descriptor, ImageConfig, Index, Manifest } from '../../image/types.js';
import { findCompression } from '../../layer/compression/detect.js';
import type { Compression, LayerSource } from '../../layer/types.js';
import { throwIfAborted } from '../../system/steps.js';
import { layerBudget } from '../../tar/budget.js';
import { checkBlob, checkRest } from './blobs.js';
import { type Finding, findingOf } from './finding.js';
import { checkImage } from './image.js';
import { checkLayer, compressionOf } from './layer.js';
import { checkTags } from './tags.js';

export interface ValidateOptions {
  /** `LAYOUT` for all of a layout, or `LAYOUT:TAG`, or `LAYOUT@DIGEST` */
  what: string;
  maxJson?: number | undefined;
  /** changed limits */
  limits?: Limits | undefined;
  signal?: AbortSignal | undefined;
}

/** A descriptor on the way from index.json, and the tag that led to it. */
interface Reference {
  descriptor: Descriptor;
  tag: string | undefined;
}

/**
 * Checks a layout or one of its images, and goes on after each fault: every document, blob, digest, size, media type and
 * diffID, and each entry of each layer. Each blob is read once; memory does not grow with the size of the layers.
 *
 * @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID, REFERENCE_INVALID, REFERENCE_NOT_FOUND, ABORTED, SYSTEM
 */
export async function* validate(options: ValidateOptions): AsyncGenerator<Finding> {
  const { what, maxJson, limits, signal } = options;
  const { path, tag } = parseImageReference(what);
  const isImage = path !== what;
  const layout = openLayout(path, { maxJson, limits });
  const index = layout.readIndex();
  const roots = isImage ? findNamed(layout, index, tag) : index.manifests;
  yield* checkTags(isImage ? { ...index, manifests: roots } : index);
  const checker = new Checker(layout, signal);
  yield* checker.run(roots.map((descriptor) => ({ descriptor, tag: tagOf(descriptor) })));
  if (!isImage) yield* checkRest(layout, checker.referenced);
}

class Checker {
  /** digests that were reached */
  readonly referenced = new Set<string>();
  readonly #layout: Layout;
  readonly #signal: AbortSignal | undefined;
  readonly #seen = new Set<string>();
  /** diffIDs of the layers that were read, by blob digest; null: unknown, because the layer is corrupt */
  readonly #diffIDs = new Map<string, string | null>();

  constructor(layout: Layout, signal: AbortSignal | undefined) {
    this.#layout = layout;
    this.#signal = signal;
  }

  async *run(roots: Reference[]): AsyncGenerator<Finding> {
    const todo = roots.reverse();
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      throwIfAborted(this.#signal);
      this.referenced.add(at.descriptor.digest);
      if (!this.#isNew(at.descriptor.mediaType, at.descriptor.digest)) continue;
      const kind = ociMediaType(at.descriptor.mediaType);
      if (kind === indexMediaType) yield* this.#index(at, todo);
      else if (kind === manifestMediaType) yield* this.#manifest(at, todo);
      else yield* this.#blob(at);
    }
  }

  async *#index(at: Reference, todo: Reference[]): AsyncGenerator<Finding> {
    const index = yield* this.#read<Index>(at, readIndexBlob);
    if (index === null) return;
    for (const descriptor of index.manifests.reverse()) todo.push({ ...at, descriptor });
    yield* this.#subject(at, index.subject);
  }

  async *#manifest(at: Reference, todo: Reference[]): AsyncGenerator<Finding> {
    const manifest = yield* this.#read<Manifest>(at, readManifest);
    if (manifest === null) return;
    yield* this.#subject(at, manifest.subject);
    this.referenced.add(manifest.config.digest);
    if (ociMediaType(manifest.config.mediaType) !== configMediaType) {
      for (const descriptor of [...manifest.layers, manifest.config]) todo.push({ ...at, descriptor });
      return;
    }
    const config = yield* this.#read<ImageConfig>({ ...at, descriptor: manifest.config }, readConfig);
    if (config !== null)
      for (const found of checkImage(at.descriptor, manifest, config)) yield withTag(found, at);
    for (const [position, descriptor] of manifest.layers.entries())
      yield* this.#layer({ ...at, descriptor }, config?.rootfs.diff_ids[position]);
  }

  async *#layer(at: Reference, diffID: string | undefined): AsyncGenerator<Finding> {
    const { mediaType, digest, size } = at.descriptor;
    this.referenced.add(digest);
    const type = ociMediaType(mediaType);
    if (!this.#isNew(`layer ${type} ${diffID} ${size}`, digest)) return;
    const said = findCompression(type);
    if (said === undefined)
      yield findingOf(new LayerhookError('LAYER_MEDIA_TYPE', { digest, mediaType }), place(at));
    if (said === undefined || diffID === undefined) return yield* this.#blob(at);
    const data = at.descriptor.data;
    const { limits } = this.#layout;
    const source = {
      // a layer may belong to many images: the limits count for each layer
      ...{ budget: layerBudget(limits, size), zstdWindow: limits['zstd-window'] },
      ...{ ...this.#layout.blobPlace(digest), digest, size, mediaType: type, diffID },
      ...(typeof data === 'string' && { data: Buffer.from(data, 'base64') }),
    };
    yield* this.#content(at, source);
    yield* this.#compression(at, source, said);
  }

  /** Reads each layer once: a hostile layout may name it in any number of images, with other diffIDs. */
  async *#content(at: Reference, source: LayerSource): AsyncGenerator<Finding> {
    const { digest, diffID: expected } = source;
    const actual = this.#diffIDs.get(digest);
    if (actual !== undefined) {
      if (actual === null || actual === expected) return;
      yield findingOf(new LayerhookError('DIFF_ID', { digest, actual, expected }), place(at));
      return;
    }
    const wrong = await checkLayer(source, this.#signal);
    this.#diffIDs.set(digest, wrong.length === 0 ? expected : actualDiffID(wrong));
    for (const error of wrong) yield findingOf(error, place(at));
  }

  /** The first bytes of a layer decide, because some images have layers with a wrong media type. */
  *#compression(at: Reference, source: LayerSource, said: Compression): Generator<Finding> {
    const actual = this.#compressionOf(source);
    if (actual === null || actual === said) return;
    const message = `layer ${source.digest} has compression ${actual}, its media type says ${said}`;
    yield { severity: 'warning', code: 'COMPRESSION_MISMATCH', message, ...place(at) };
  }

  /** @returns null for a blob that is missing or has another size, which is a finding already */
  #compressionOf(source: LayerSource): Compression | null {
    try {
      return compressionOf(source);
    } catch (error) {
      if (isLayerhookError(error, 'BLOB_NOT_FOUND') || isLayerhookError(error, 'BLOB_SIZE')) return null;
      throw error;
    }
  }

  async *#blob(at: Reference): AsyncGenerator<Finding> {
    const found = await checkBlob(this.#layout, at.descriptor, at.tag);
    if (found !== null) yield found;
  }

  *#subject(at: Reference, subject: Descriptor | null | undefined): Generator<Finding> {
    if (!subject) return;
    this.referenced.add(subject.digest);
    if (this.#layout.hasBlob(subject.digest)) return;
    const message = `${at.descriptor.digest} refers to ${subject.digest}, which the layout lacks`;
    yield { severity: 'note', code: 'SUBJECT_MISSING', message, ...place(at) };
  }

  *#read<T>(
    at: Reference,
    read: (layout: Layout, descriptor: Descriptor) => T,
  ): Generator<Finding, T | null> {
    try {
      return read(this.#layout, at.descriptor);
    } catch (error) {
      yield findingOf(error, place(at));
      return null;
    }
  }

  #isNew(kind: string, digest: string): boolean {
    const key = `${kind} ${digest}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

function place({ descriptor: { digest }, tag }: Reference): Pick<Finding, 'digest' | 'tag'> {
  return { digest, ...(tag !== undefined && { tag }) };
}

/** Returns the diffID that a layer really has, if it is known. */
function actualDiffID(errors: readonly unknown[]): string | null {
  const found = errors.find((error) => isLayerhookError(error, 'DIFF_ID'));
  return isLayerhookError(found) ? String(found.details.actual) : null;
}

function withTag(finding: Finding, { tag }: Reference): Finding {
  return tag === undefined ? finding : { ...finding, tag };
}
