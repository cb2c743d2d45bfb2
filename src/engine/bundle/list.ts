import { join } from 'node:path';
import { isLayerhookError } from '../../errors/index.js';
import type { StoredBundle } from '../../store/bundles/types.js';
import type { Snapshotter, Store } from '../../store/types.js';
import { fromText } from '../../system/bytes.js';
import { exists } from '../../system/exists.js';
import { isMountPoint } from '../../system/mount.js';
import type { OperationOptions } from '../operation-options.js';
import { readBundleMeta } from './metadata.js';

export interface BundleEntry {
  /** absolute path */
  bundle: string;
  /**
   * `damaged`: the directory is the bundle's, but umoci.json or its changes in the store are missing; `missing`: the directory is
   * gone, and its changes are in the store
   */
  state: 'mounted' | 'unmounted' | 'damaged' | 'missing';
  /** name of the driver; null for bundles of earlier versions of layerhook */
  driver: string | null;
  /** tag and manifest digest of the image that it is of; null if neither the bundle nor the store says */
  image: { tag: string | null; digest: string } | null;
  /** key of its active snapshot in the store */
  key: string;
  /** what its changes take on disk */
  bytes: number;
}

/**
 * The bundles that a layer store knows, sorted by path. Bundles of the copy driver are in no store.
 *
 * @throws LayerhookError as for reading hooks.toml, and SYSTEM
 */
export async function listBundles(
  options: Pick<OperationOptions, 'store' | 'hooksFile'>,
): Promise<BundleEntry[]> {
  const { openChosenStore } = await import('../open-store.js');
  const { store } = await openChosenStore(options);
  if (store === null) return [];
  try {
    return await bundlesIn(store);
  } finally {
    await store.close();
  }
}

/** As {@link listBundles}, in a store that is open. */
export async function bundlesIn(store: Store): Promise<BundleEntry[]> {
  const entries: BundleEntry[] = [];
  for (const stored of (await surveyBundles(store)).bundles) {
    const { bundle, driver, key } = stored;
    const usage = await usageOf(store, key);
    if (usage === undefined) continue;
    const image = (stored.isThere ? imageOf(bundle) : null) ?? stored.image;
    entries.push({ bundle, state: stateOf(stored), driver, image, key, bytes: usage.size });
  }
  return entries;
}

/** Returns the usage of a snapshot; undefined if another process has removed it meanwhile. */
export async function usageOf(store: Snapshotter, key: string) {
  try {
    return await store.usage(key);
  } catch (error) {
    if (isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** The bundles of a store, and the snapshots that killed commands left. Both are sorted by path. */
export interface Survey {
  bundles: StoredBundle[];
  leftovers: StoredBundle[];
}

/**
 * Tells bundles from leftovers: snapshots of an unpack that was killed before the bundle had its name, and of a refresh that
 * was killed in the middle, where umoci.json decides which snapshot counts. Bundles that are being built are neither.
 */
export async function surveyBundles(store: Store): Promise<Survey> {
  const all = await store.bundles.list();
  const groups = new Map<string, StoredBundle[]>();
  for (const stored of all) {
    const place = stored.isThere ? stored.bundle : stored.key;
    groups.set(place, [...(groups.get(place) ?? []), stored]);
  }
  const survey: Survey = { bundles: [], leftovers: [] };
  for (const group of groups.values()) {
    const counting = countingOf(group);
    survey.bundles.push(...counting);
    // a refresh is at work
    if (group.some(({ progress }) => progress === 'building')) continue;
    survey.leftovers.push(...group.filter((stored) => !counting.includes(stored)));
  }
  return survey;
}

/** Returns the snapshots of one directory that are a bundle's: usually one. */
function countingOf(group: StoredBundle[]): StoredBundle[] {
  const finished = group.filter(({ progress }) => progress === 'finished');
  const [{ bundle, isThere }] = group as [StoredBundle];
  if (!isThere || !isWhole(bundle)) return finished;
  const digest = imageOf(bundle)?.digest;
  const matching = group.filter(({ image }) => image?.digest === digest);
  const counting = matching.length > 0 ? matching : group;
  const done = counting.filter(({ progress }) => progress === 'finished');
  return done.length > 0 ? done : counting;
}

function stateOf({ bundle, isThere, isLost }: StoredBundle): BundleEntry['state'] {
  if (!isThere) return 'missing';
  if (!isWhole(bundle) || isLost) return 'damaged';
  return isMountPoint(fromText(join(bundle, 'rootfs'))) ? 'mounted' : 'unmounted';
}

/** True if a directory has the file that marks a bundle as whole. */
export function isWhole(bundle: string): boolean {
  return exists(join(bundle, 'umoci.json'));
}

function imageOf(bundle: string): BundleEntry['image'] {
  try {
    const { from } = readBundleMeta(bundle);
    const tag = from[0].annotations?.['org.opencontainers.image.ref.name'] ?? null;
    return { tag, digest: from.at(-1)!.digest };
  } catch {
    return null;
  }
}
