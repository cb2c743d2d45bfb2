import { dirname } from 'node:path';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { isDigest } from '../../image/digest.js';
import { exists } from '../../system/exists.js';
import { readMountInfo } from '../../system/mountinfo.js';
import type { Info, Mount, Store } from '../types.js';
import type { Building } from './building.js';
import { bundleLabel, isAlive, isBundles, matches, ownerLabels, owns, sameDirectory } from './directory.js';
import { mountPointsOf } from './mount-points.js';
import type { BundlePlace, BundleRecords, BundleSource, StoredBundle } from './types.js';

/** Labels that say what a bundle was unpacked with and from. */
const labels = {
  driver: 'layerhook/driver',
  layout: 'layerhook/layout',
  tag: 'layerhook/reference',
  digest: 'layerhook/manifest',
} as const;

/** Implements BundleRecords by the labels of active snapshots. */
export class Bundles implements BundleRecords {
  readonly #store: Store;
  readonly #building: Building;
  readonly #flush: () => void;

  /** @param flush writes the records to disk */
  constructor(store: Store, building: Building, flush: () => void) {
    this.#store = store;
    this.#building = building;
    this.#flush = flush;
  }

  async prepare(key: string, parent: string, driver: string, source: BundleSource): Promise<Mount[]> {
    // first, so that a killed process leaves no snapshot without its mark
    this.#building.begin(key);
    const mounts = await this.#store.prepare(key, parent, { labels: labelsOf(driver, source) });
    // before umoci.json, which a refresh replaces: a power loss must not leave a bundle without its snapshot
    this.#flush();
    return mounts;
  }

  async update(key: string, driver: string, source: BundleSource): Promise<void> {
    await this.#store.update({ name: key, labels: labelsOf(driver, source) });
  }

  async require(key: string, { bundle }: BundlePlace): Promise<void> {
    const info = await this.#changesOf(key, bundle);
    if (!owns(info, bundle)) throw isCopy(info, bundle);
    if (sameDirectory(info.labels[bundleLabel]!, bundle)) return;
    await this.#store.update({ name: key, labels: { [bundleLabel]: bundle } }, [`labels.${bundleLabel}`]);
  }

  async claim(key: string, place: BundlePlace): Promise<void> {
    const { bundle } = place;
    const info = await this.#changesOf(key, bundle);
    const path = info.labels[bundleLabel];
    if (owns(info, bundle)) return;
    if (!isBundles(info) || path === undefined || isAlive(info, path)) throw isCopy(info, bundle);
    const [mounted] = mountPointsOf(await this.#store.directory(key), readMountInfo());
    if (mounted !== undefined) {
      const reason = `its changes are mounted at ${mounted}`;
      const expected = `unmount them first: umount ${mounted}`;
      throw new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected });
    }
    await this.#store.update({ name: key, labels: { ...info.labels, ...ownerLabels(place) } });
  }

  async remove(key: string, { bundle, rootfs }: BundlePlace): Promise<string | undefined> {
    try {
      const info = await this.#store.stat(key);
      const directory = dirname(rootfs);
      const isOwn = directory === bundle ? owns(info, bundle) : matches(info, directory);
      if (!isOwn) return info.labels[bundleLabel] ?? 'something else';
      await this.#store.remove(key);
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
    }
    return undefined;
  }

  /** @throws LayerhookError BUNDLE_DAMAGED if a killed `bundle rm` or a power loss has removed the changes, but not the directory */
  async #changesOf(key: string, bundle: string): Promise<Info> {
    const rest = `remove the rest: layerhook bundle rm ${bundle}`;
    try {
      const info = await this.#store.stat(key);
      const [lost] = await this.#store.untrustedSnapshots([key]);
      if (lost === undefined) return info;
      const reason = `its changes in the layer store are lost: ${lost.why}`;
      throw new LayerhookError('BUNDLE_DAMAGED', { path: bundle, reason, expected: rest });
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
      const reason = 'the layer store does not have its changes';
      const expected = `name its store with --store, or ${rest}`;
      throw new LayerhookError('BUNDLE_DAMAGED', { path: bundle, reason, expected }, error);
    }
  }

  async settle(key: string): Promise<void> {
    this.#building.remove(key);
  }

  /** Ends what this process builds. */
  async close(): Promise<void> {
    for (const key of this.#building.keys()) this.#building.end(key, await this.#isDone(key));
  }

  /** True for a bundle that has its name, and for a snapshot that is removed: a garbage collection has nothing to do. */
  async #isDone(key: string): Promise<boolean> {
    try {
      const info = await this.#store.stat(key);
      return isAlive(info, info.labels[bundleLabel]!);
    } catch (error) {
      return isLayerhookError(error, 'SNAPSHOT_NOT_FOUND');
    }
  }

  async list(): Promise<StoredBundle[]> {
    const infos: Info[] = [];
    for await (const info of this.#store.walk([`kind==active,labels."${bundleLabel}"`])) infos.push(info);
    if (infos.length === 0) return [];
    const mounts = readMountInfo();
    const untrusted = await this.#store.untrustedSnapshots(infos.map(({ name }) => name));
    const lost = new Set(untrusted.map(({ name }) => name));
    const bundles: StoredBundle[] = [];
    for (const info of infos) {
      // first: a bundle gets its name before its mark goes
      const progress = this.#building.progressOf(info.name);
      const directory = await this.#directoryOf(info.name);
      if (directory === undefined) continue;
      const found = {
        ...describe(info, progress, mountPointsOf(directory, mounts)),
        isLost: lost.has(info.name),
      };
      // an unpack whose mark and files a power loss took: nothing of it is left but its record
      const isGone = progress === 'finished' && !found.isThere && !exists(directory);
      bundles.push(isGone ? { ...found, progress: 'abandoned' } : found);
    }
    return bundles.sort((a, b) => (a.bundle < b.bundle ? -1 : 1));
  }

  /** Returns undefined for a snapshot that another process has removed meanwhile. */
  async #directoryOf(key: string): Promise<string | undefined> {
    try {
      return await this.#store.directory(key);
    } catch (error) {
      if (isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

function labelsOf(driver: string, source: BundleSource): Record<string, string> {
  return {
    ...ownerLabels(source),
    [labels.driver]: driver,
    [labels.layout]: source.layout,
    // an image found by its digest has no tag
    ...(!isDigest(source.reference) && { [labels.tag]: source.reference }),
    [labels.digest]: source.manifestDescriptor.digest,
  };
}

function describe(
  info: Info,
  progress: StoredBundle['progress'],
  mountPoints: string[],
): Omit<StoredBundle, 'isLost'> {
  const own = info.labels;
  const recorded = own[bundleLabel]!;
  // a bundle that is moved takes its mount along; an unfinished one is mounted in its staging directory
  const moved = mountPoints.map((path) => dirname(path)).find((path) => matches(info, path));
  const bundle = progress !== 'finished' || isAlive(info, recorded) ? recorded : (moved ?? recorded);
  const digest = own[labels.digest];
  return {
    key: info.name,
    bundle,
    driver: own[labels.driver] ?? null,
    image: digest === undefined ? null : { tag: own[labels.tag] ?? null, digest },
    isThere: isAlive(info, bundle),
    mountPoints,
    progress,
  };
}

function isCopy(info: Info, path: string): LayerhookError {
  const { [bundleLabel]: known } = info.labels;
  if (!isBundles(info) || known === undefined) {
    const reason = `it names the snapshot ${info.name}, which does not belong to a bundle`;
    return new LayerhookError('BUNDLE_INVALID', { path, reason });
  }
  const own = `layerhook bundle rm ${path} removes only this directory`;
  const owner = sameDirectory(known, path) ? 'the directory that it was unpacked to' : known;
  const expected = isAlive(info, known)
    ? `use ${owner}, or unpack the image again; ${own}`
    : `if ${owner} is gone, because the bundle was moved or restored: layerhook bundle mount --claim ${path}; ${own}`;
  return new LayerhookError('BUNDLE_COPY', { path, owner, expected });
}
