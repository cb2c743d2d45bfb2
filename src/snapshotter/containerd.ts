import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { diffIDOf, mappingLabels, refLabel } from '../store/context/labels.js';
import { extractionPrefix } from '../store/context/name.js';
import { preciseTime } from '../store/precise-date.js';
import type {
  CommitOptions,
  Info,
  LayerIdentity,
  Mount,
  PrepareOptions,
  SnapshotOptions,
  Snapshotter,
  Store,
  Usage,
} from '../store/types.js';
import type { LayerHooks } from './layer-hooks.js';
import { asOverlay, isExtraction, mapOwner, mappingOptions } from './mounts.js';
import {
  commitStaged,
  holdOf,
  isHold,
  keepingMark,
  stagedLayer,
  stagedMounts,
  stageLayer,
} from './staged.js';

export interface ContainerdOptions {
  /**
   * True if containerd is configured with the capability `rebase`: it prepares layers in parallel without their parents and
   * names the parent at commit.
   */
  parallelUnpack?: boolean;
  /**
   * With `parallelUnpack`: true for containerd 2.4 or later, which recognises read-only mounts as an existing layer. An
   * older containerd would try to extract into them and fail.
   */
  stagedLayers?: boolean;
  /** returns true to keep the next committed snapshot as an EROFS image; default: snapshots are directories */
  asImage?: (() => Promise<boolean>) | undefined;
  /** gets a committed snapshot that no image can hold, so that it stays a directory */
  notAnImage?: ((name: string, error: LayerhookError) => void) | undefined;
}

const never = new AbortController().signal;

/**
 * A store as one containerd uses it: a Snapshotter with two additions.
 * - A layer that is already in the store, from any client, is not extracted again: a prepare that names it with the label
 *   `containerd.io/snapshot.ref` is answered with SNAPSHOT_EXISTS or, with `parallelUnpack`, with read-only mounts.
 * - Owners are mapped according to the labels `containerd.io/snapshot/uidmapping` and `gidmapping`.
 */
export class ContainerdStore implements Snapshotter {
  readonly #store: Store;
  readonly #parallelUnpack: boolean;
  readonly #stagedLayers: boolean;
  readonly #hooks: LayerHooks | undefined;
  readonly #options: ContainerdOptions;

  constructor(store: Store, options: ContainerdOptions = {}, hooks?: LayerHooks) {
    const { parallelUnpack = false, stagedLayers = false } = options;
    this.#options = options;
    this.#store = store;
    this.#parallelUnpack = parallelUnpack;
    this.#stagedLayers = parallelUnpack && stagedLayers;
    this.#hooks = hooks;
  }

  stat(name: string): Promise<Info> {
    return this.#store.stat(name);
  }

  async update({ name, labels }: Pick<Info, 'name' | 'labels'>, fieldpaths?: string[]): Promise<Info> {
    const present = await this.#store.stat(name);
    return this.#store.update({ name, labels: keepingMark(labels, present.labels) }, fieldpaths);
  }

  usage(name: string): Promise<Usage> {
    return this.#store.usage(name);
  }

  async mounts(key: string): Promise<Mount[]> {
    const { labels, parent, kind } = await this.#store.stat(key);
    if (stagedLayer(labels) !== undefined) return stagedMounts(this.#store, key);
    return this.#adapt(await this.#store.mounts(key), { key, parent, labels, active: kind === 'active' });
  }

  async prepare(
    key: string,
    parent: string,
    { labels: given = {}, signal = never }: PrepareOptions = {},
  ): Promise<Mount[]> {
    requireVisible('snapshot key', key);
    const labels = keepingMark(given);
    const layer = wantedLayer(labels);
    if (layer !== undefined) {
      // Without the parent's name, an existing upper layer could only be answered with read-only mounts.
      const onlyLowest = this.#parallelUnpack && !this.#stagedLayers;
      const take = async (name: string) =>
        (await this.#store.adopt(name, layer, parent, { onlyLowest })) ||
        ((await this.#hooks?.provide(name, layer, { key, parent, labels, signal, onlyLowest })) ?? false);
      if (this.#stagedLayers) {
        if (await stageLayer(this.#store, layer, { key, parent, labels }, take))
          return stagedMounts(this.#store, key);
      } else if ((await this.#isThere(layer, parent)) || (await take(backendName(key, layer.chainID)))) {
        throw new LayerhookError('SNAPSHOT_EXISTS', { name: layer.chainID });
      }
    }
    const mounts = await this.#store.prepare(key, parent, { labels });
    await mapOwner(this.#store, key, labels);
    return this.#adapt(mounts, { key, parent, labels, active: true });
  }

  async view(key: string, parent: string, { labels: given = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    requireVisible('snapshot key', key);
    const labels = keepingMark(given);
    const mounts = await this.#store.view(key, parent, { labels });
    return this.#adapt(mounts, { key, parent, labels, active: false });
  }

  async commit(name: string, key: string, given: CommitOptions = {}): Promise<void> {
    requireVisible('snapshot name', name);
    const options = { ...given, ...(given.labels && { labels: keepingMark(given.labels) }) };
    const active = await this.#store.stat(key);
    const layer = stagedLayer(active.labels);
    if (layer !== undefined) return commitStaged(this.#store, name, key, layer, options);
    const extracted = wantedLayer(options.labels ?? {});
    if (this.#parallelUnpack && active.parent === '' && options.parent) {
      if (extracted !== undefined && (await this.#commitStored(name, key, extracted, options))) return;
      await this.#fixUp(active, options.parent);
    }
    await this.#commit(name, key, options);
    if (extracted !== undefined) this.#hooks?.committed(name, extracted, options.labels!);
  }

  async #commit(name: string, key: string, options: CommitOptions): Promise<void> {
    const { asImage, notAnImage } = this.#options;
    if (asImage === undefined || !(await asImage())) return this.#store.commit(name, key, options);
    try {
      await this.#store.commit(name, key, { ...options, image: { verity: true } });
    } catch (error) {
      if (!isLayerhookError(error, 'LIMIT_EXCEEDED')) throw error;
      notAnImage?.(name, error);
      await this.#store.commit(name, key, options);
    }
  }

  /** Commits the stored layer instead of the copy that containerd has extracted. @returns false if the store lacks the layer */
  async #commitStored(
    name: string,
    key: string,
    layer: LayerIdentity,
    { parent = '', labels }: CommitOptions,
  ): Promise<boolean> {
    if (!(await this.#store.adopt(name, layer, parent, { labels }))) return false;
    await this.#store.remove(key);
    return true;
  }

  async #fixUp({ name, created }: Info, parent: string): Promise<void> {
    const { fixUpDirectories } = await import('./fix-up.js');
    const [upper, lowers] = [await this.#store.directory(name), await this.#store.lowerdirs(parent)];
    fixUpDirectories(upper, lowers, preciseTime(created));
  }

  async remove(name: string): Promise<void> {
    const staged = stagedLayer((await this.#store.stat(name)).labels) !== undefined;
    await this.#store.remove(name);
    if (staged) await this.#store.remove(holdOf(name));
  }

  async *walk(filters?: string[]): AsyncIterable<Info> {
    for await (const info of this.#store.walk(filters)) if (!isHidden(info.name)) yield info;
  }

  cleanup(): Promise<void> {
    return this.#store.cleanup();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** True if containerd finds a trusted copy of the layer on top of the parent when it walks. */
  async #isThere(layer: LayerIdentity, parent: string): Promise<boolean> {
    for (const name of await this.#store.namesOf(layer, parent)) {
      if (!isHidden(name) && (await this.#store.untrusted(name)).length === 0) return true;
    }
    return false;
  }

  #adapt(
    mounts: Mount[],
    {
      key,
      parent,
      labels,
      active,
    }: { key: string; parent: string; labels: Record<string, string>; active: boolean },
  ): Mount[] {
    const parentless = this.#parallelUnpack && active && parent === '' && isExtraction(key);
    const adapted = parentless ? asOverlay(mounts) : mounts;
    const mapping = mappingOptions(labels);
    return adapted.map((mount) => ({ ...mount, options: [...mapping, ...mount.options] }));
  }
}

/** True for a name that containerd must not see, so that its garbage collection does not remove it: a hold or an extraction. */
function isHidden(name: string): boolean {
  return isHold(name) || name.startsWith(extractionPrefix);
}

/** @throws LayerhookError SNAPSHOT_ARGUMENT */
function requireVisible(what: string, name: string): void {
  if (!isHidden(name)) return;
  const reason = 'the first word is that of snapshots that layerhook makes itself';
  throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `${what} ${name.slice(0, 80)}`, reason });
}

/** Returns the layer that the labels of a prepare or commit name, unless its owners are mapped. */
function wantedLayer(labels: Record<string, string>): LayerIdentity | undefined {
  const chainID = labels[refLabel];
  if (!chainID || mappingLabels.some((label) => label in labels)) return undefined;
  return { chainID, diffID: diffIDOf(labels), map: '' };
}

/** Returns a name in containerd's form: namespace and number of the key, then the name itself. */
function backendName(key: string, name: string): string {
  return `${/^(?:[^/]+\/[^/]+\/)?/.exec(key)![0]}${name}`;
}
