import { applyLayer, fsError, type RefreshContext } from 'layerhook';
import { baseOf } from './lineage.js';
import type { SubvolumeStore } from './store.js';
import { takeTimes } from './take-times.js';

/**
 * Takes the new layer into the store. It is applied to a snapshot of the chain below, not taken from the rootfs, which
 * has what the layer has not: fractions of seconds, masked paths, what changed meanwhile.
 *
 * @param began when the driver listed the changes, in ns since the epoch; undefined: a hook listed them
 */
export async function refresh(
  store: SubvolumeStore,
  context: RefreshContext,
  began: bigint | undefined,
): Promise<void> {
  const { layer, changes, rootfs, treeID, treeIDs, map, keepDirlinks, layout, signal, log } = context;
  const lower = treeIDs.slice(0, -1);
  const paths = lower.map((name) => store.path(name));
  if (layer === null || baseOf(rootfs, paths) === undefined) return;
  const making = await store.make(treeID, signal);
  if (making === null) return;
  try {
    store.begin(making, lower.at(-1)!);
    await applyLayer({ ...layer, target: making.path, ...{ map, keepDirlinks, layout, signal, log } });
    if (began !== undefined) takeTimes(rootfs, making.path, changes, began);
    making.commit();
  } catch (error) {
    throw fsError(error, `cannot keep layer ${layer.descriptor.digest}`);
  } finally {
    making.release();
  }
}
