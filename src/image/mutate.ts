import { span } from '../system/trace.js';
import { encodeJson } from '../text/json-lossless.js';
import { refuseDocker, requireIndex } from './index-kinds.js';
import type { Layout } from './layout.js';
import { manifestMediaType } from './media-types.js';
import { readIndexBlob } from './read.js';
import { checkTag, setTag } from './references.js';
import { resolvePath } from './resolve.js';
import { changeTag } from './retag.js';
import type { Descriptor, Digest, History, ImageConfig, Manifest, Platform, ResolvedImage } from './types.js';

/** A layer whose blob is already in the layout. */
export interface NewLayer {
  descriptor: Descriptor;
  diffID: Digest;
  /** if missing, the layer has no entry in the history, which many tools do not expect */
  history?: History;
}

/** All layers of an image, and its history. */
export interface LayerStack {
  layers: Descriptor[];
  /** one for each layer */
  diffIDs: Digest[];
  /** undefined: the config has no history */
  history: History[] | undefined;
}

/** A blob that was written. */
interface Written {
  digest: Digest;
  size: number;
}

/**
 * A changed copy of an image. Nothing is written before {@link commit}, and the original image stays.
 *
 * Unchanged fields survive at their positions.
 */
export class ImageMutation {
  readonly #layout: Layout;
  readonly #image: ResolvedImage;
  #config: ImageConfig;
  #manifest: Manifest;

  /** @throws LayerhookError IMAGE_UNWRITABLE for a Docker schema 2 image */
  constructor(layout: Layout, image: ResolvedImage) {
    for (const descriptor of [...image.path, image.configDescriptor]) refuseDocker(descriptor);
    this.#layout = layout;
    this.#image = image;
    this.#config = image.config;
    this.#manifest = image.manifest;
  }

  /** The current config. */
  get config(): ImageConfig {
    return this.#config;
  }

  /** True if the original image is one of an index. */
  get isInIndex(): boolean {
    return this.#image.path.length > 1;
  }

  /** The current manifest; its `config` descriptor is still that of the original image. */
  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Adds a layer on top. */
  addLayer({ descriptor, diffID, history }: NewLayer): void {
    const { rootfs } = this.#config;
    this.#config = { ...this.#config, rootfs: { ...rootfs, diff_ids: [...rootfs.diff_ids, diffID] } };
    this.#manifest = { ...this.#manifest, layers: [...this.#manifest.layers, descriptor] };
    if (history) this.#appendHistory(history);
  }

  /** Replaces all layers, whose blobs are already in the layout, and the history. */
  setLayers({ layers, diffIDs, history }: LayerStack): void {
    const { history: _, ...config } = this.#config;
    const rootfs = { ...config.rootfs, diff_ids: diffIDs };
    this.#config = { ...config, rootfs, ...(history && { history }) };
    this.#manifest = { ...this.#manifest, layers };
  }

  /** Adds a history entry for a change without a layer. */
  addHistory(history: History): void {
    this.#appendHistory({ ...history, empty_layer: true });
  }

  /** Replaces the config except its layers and history. */
  setConfig(config: ImageConfig): void {
    const { rootfs, history } = this.#config;
    this.#config = { ...config, rootfs, ...(history && { history }) };
  }

  /** Replaces the annotations of the manifest; undefined removes them. */
  setAnnotations(annotations: Record<string, string> | undefined): void {
    const { annotations: _, ...rest } = this.#manifest;
    this.#manifest = annotations === undefined ? rest : { ...this.#manifest, annotations };
  }

  /**
   * Writes the config, the manifest and the indexes above it, then points `tag` to the result. The new descriptor in
   * index.json keeps the other annotations of the original image's descriptor.
   *
   * @param platform if the tag names an index: replaces the image for this platform there, and keeps the others as they
   *   are now. Default: the tag gets the index of the original image, in which only this image has changed.
   * @returns the descriptors from index.json to the new manifest
   * @throws LayerhookError REFERENCE_INVALID, NO_SPACE, SYSTEM, and what reading the indexes throws; with `platform` also
   *   INDEX_REQUIRED, IMAGE_UNWRITABLE and PLATFORM_NOT_FOUND
   */
  async commit(tag: string, platform?: Platform): Promise<ResolvedImage['path']> {
    checkTag(this.#layout.readIndex(), tag);
    const committed = span('commit', tag);
    try {
      return await this.#commit(tag, platform);
    } finally {
      committed();
    }
  }

  async #commit(tag: string, platform: Platform | undefined): Promise<ResolvedImage['path']> {
    const manifest = await this.#writeManifest();
    if (platform === undefined) {
      const [root, ...below] = await this.#rewritePath(this.#image.path, manifest);
      return [await setTag(this.#layout, tag, root), ...below];
    }
    let below: Descriptor[] = [];
    const root = await changeTag(this.#layout, tag, async (present) => {
      const [first, ...rest] = await this.#rewritePath(this.#pathIn(tag, present, platform), manifest);
      below = rest;
      return first;
    });
    return [root, ...below];
  }

  /** Finds the image that the new one replaces: in the index of a tag, or in its own if the tag is new. */
  #pathIn(tag: string, present: Descriptor | undefined, platform: Platform): ResolvedImage['path'] {
    if (present === undefined) return this.#image.path;
    requireIndex(present, tag);
    refuseDocker(present);
    return resolvePath(this.#layout, tag, { platform });
  }

  async #writeManifest(): Promise<Written> {
    const config = await this.#writeJson(this.#config);
    const { mediaType: _, schemaVersion, ...rest } = this.#manifest;
    const manifest = { schemaVersion, mediaType: manifestMediaType, ...rest };
    manifest.config = { ...withoutData(manifest.config), ...config };
    return this.#writeJson(manifest);
  }

  /** Replaces the last descriptor of a path by the new manifest, and rewrites the indexes above it. */
  async #rewritePath(path: ResolvedImage['path'], manifest: Written): Promise<ResolvedImage['path']> {
    const changed = [{ ...withoutData(path[path.length - 1]!), ...manifest }];
    for (let at = path.length - 2; at >= 0; at -= 1) {
      const parent = await this.#rewriteIndex(path[at]!, path[at + 1]!, changed[0]!);
      changed.unshift(parent);
    }
    return changed as ResolvedImage['path'];
  }

  /** Rewrites an index so that its references to `before` refer to `after`; they keep their annotations and platform. */
  async #rewriteIndex(descriptor: Descriptor, before: Descriptor, after: Descriptor): Promise<Descriptor> {
    const index = readIndexBlob(this.#layout, descriptor);
    const replace = (child: Descriptor): Descriptor => {
      if (child.digest !== before.digest) return child;
      return { ...withoutData(child), digest: after.digest, size: after.size };
    };
    const changed = { ...index, manifests: index.manifests.map(replace) };
    if (changed.subject) changed.subject = replace(changed.subject);
    return { ...withoutData(descriptor), ...(await this.#writeJson(changed)) };
  }

  #writeJson(document: object): Promise<Written> {
    return this.#layout.writeBlob(encodeJson(document));
  }

  #appendHistory(history: History): void {
    this.#config = { ...this.#config, history: [...(this.#config.history ?? []), history] };
  }
}

/** Drops `data`, which embeds the old blob. */
function withoutData({ data: _, ...descriptor }: Descriptor): Descriptor {
  return descriptor as Descriptor;
}
