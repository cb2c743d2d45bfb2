import { LayerhookError } from '../errors/index.js';
import { diffIDOf, MAPPING_LABELS, REF_LABEL } from '../store/context/labels.js';
import { EXTRACTION_PREFIX } from '../store/layers/extraction.js';
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
import { commitStaged, holdOf, isHold, stagedLayer, stagedMounts, stageLayer } from './staged.js';

export interface ContainerdOptions {
  /**
   * containerd was told of the capability `rebase`: it prepares layers without their parents, side by side, and names the
   * parent at commit.
   */
  parallelUnpack?: boolean;
  /**
   * With `parallelUnpack`: it is a containerd 2.4 or later, which takes read-only mounts for a layer that is there. An older
   * one would extract into them, and fail.
   */
  stagedLayers?: boolean;
}

const never = new AbortController().signal;

/**
 * A store as one containerd wants it: what a Snapshotter is, and besides
 * - a layer that the store has, whoever extracted it, is not extracted again: SNAPSHOT_EXISTS, or with `parallelUnpack`
 *   read-only mounts, answer a prepare that names it by the label `containerd.io/snapshot.ref`;
 * - owners are mapped as the labels `containerd.io/snapshot/uidmapping` and `gidmapping` say.
 */
export class ContainerdStore implements Snapshotter {
  readonly #store: Store;
  readonly #parallelUnpack: boolean;
  readonly #stagedLayers: boolean;
  readonly #hooks: LayerHooks | undefined;

  constructor(
    store: Store,
    { parallelUnpack = false, stagedLayers = false }: ContainerdOptions = {},
    hooks?: LayerHooks,
  ) {
    this.#store = store;
    this.#parallelUnpack = parallelUnpack;
    this.#stagedLayers = parallelUnpack && stagedLayers;
    this.#hooks = hooks;
  }

  stat(name: string): Promise<Info> {
    return this.#store.stat(name);
  }

  update(info: Pick<Info, 'name' | 'labels'>, fieldpaths?: string[]): Promise<Info> {
    return this.#store.update(info, fieldpaths);
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
    { labels = {}, signal = never }: PrepareOptions = {},
  ): Promise<Mount[]> {
    const layer = wantedLayer(labels);
    if (layer !== undefined) {
      // on top of layers that are not told, what is there could only be answered by read-only mounts
      const onlyLowest = this.#parallelUnpack && !this.#stagedLayers;
      const take = async (name: string) =>
        (await this.#store.adopt(name, layer, parent, { onlyLowest })) ||
        ((await this.#hooks?.provide(name, layer, { key, parent, labels, signal, onlyLowest })) ?? false);
      if (this.#stagedLayers) {
        if (await stageLayer(this.#store, key, layer, labels, parent, take))
          return stagedMounts(this.#store, key);
      } else if ((await this.#isThere(layer, parent)) || (await take(backendName(key, layer.chainID)))) {
        throw new LayerhookError('SNAPSHOT_EXISTS', { name: layer.chainID });
      }
    }
    const mounts = await this.#store.prepare(key, parent, { labels });
    await mapOwner(this.#store, key, labels);
    return this.#adapt(mounts, { key, parent, labels, active: true });
  }

  async view(key: string, parent: string, { labels = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    const mounts = await this.#store.view(key, parent, { labels });
    return this.#adapt(mounts, { key, parent, labels, active: false });
  }

  async commit(name: string, key: string, options: CommitOptions = {}): Promise<void> {
    const active = await this.#store.stat(key);
    const layer = stagedLayer(active.labels);
    if (layer !== undefined) return commitStaged(this.#store, name, key, layer, options);
    const extracted = wantedLayer(options.labels ?? {});
    if (this.#parallelUnpack && active.parent === '' && options.parent) {
      if (extracted !== undefined && (await this.#isSpared(name, key, extracted, options))) return;
      await this.#fixUp(active, options.parent);
    }
    await this.#store.commit(name, key, options);
    if (extracted !== undefined) this.#hooks?.committed(name, extracted, options.labels!);
  }

  /** Takes the layer that is there in place of what containerd has extracted all the same. */
  async #isSpared(
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

  /** Whether containerd finds the layer, on top of the parent, when it walks. */
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

/** Names that are not containerd's, so that its garbage collection does not remove them: layers that are held, or half done. */
function isHidden(name: string): boolean {
  return isHold(name) || name.startsWith(EXTRACTION_PREFIX);
}

/** The layer that a prepare or commit is for, if its label says so and its owners are not mapped. */
function wantedLayer(labels: Record<string, string>): LayerIdentity | undefined {
  const chainID = labels[REF_LABEL];
  if (!chainID || MAPPING_LABELS.some((label) => label in labels)) return undefined;
  return { chainID, diffID: diffIDOf(labels), map: '' };
}

/** A name as containerd gives its own: namespace and number of the key, then what it is called there. */
function backendName(key: string, name: string): string {
  return `${/^(?:[^/]+\/[^/]+\/)?/.exec(key)![0]}${name}`;
}
