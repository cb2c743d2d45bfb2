import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Info, Snapshotter } from '../../store/types.js';
import { fromText } from '../../system/bytes.js';
import { isMountPoint } from '../../system/mount.js';
import type { OperationOptions } from '../operation-options.js';
import { readBundleMeta } from './metadata.js';

/** Label of an active snapshot that is a bundle's: the absolute path of the bundle. */
export const bundleLabel = 'layerhook/bundle';
/** Labels that say what it was unpacked from: the tag, and the digest of the manifest. */
const imageLabels = { tag: 'layerhook/reference', digest: 'layerhook/manifest' } as const;

export interface BundleEntry {
  /** absolute path */
  bundle: string;
  /** `missing`: the directory is gone; what is in the store is left of it */
  state: 'mounted' | 'unmounted' | 'missing';
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
export async function bundlesIn(store: Snapshotter): Promise<BundleEntry[]> {
  const entries: BundleEntry[] = [];
  for await (const info of store.walk([`kind==active,labels."${bundleLabel}"`])) {
    const { size } = await store.usage(info.name);
    entries.push(entryOf(info, size));
  }
  return entries.sort((a, b) => (a.bundle < b.bundle ? -1 : 1));
}

function entryOf({ name, labels }: Info, bytes: number): BundleEntry {
  const bundle = labels[bundleLabel]!;
  return { bundle, state: stateOf(bundle), image: imageOf(bundle) ?? imageIn(labels), key: name, bytes };
}

function stateOf(bundle: string): BundleEntry['state'] {
  if (!existsSync(join(bundle, 'umoci.json'))) return 'missing';
  return isMountPoint(fromText(join(bundle, 'rootfs'))) ? 'mounted' : 'unmounted';
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

/** What it was when it was unpacked: good enough for what is gone. */
function imageIn(labels: Info['labels']): BundleEntry['image'] {
  const digest = labels[imageLabels.digest];
  return digest === undefined ? null : { tag: labels[imageLabels.tag] ?? null, digest };
}
