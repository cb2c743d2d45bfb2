import { rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type DeltaContext,
  type Driver,
  declined,
  fsError,
  type LayerContext,
  type RefreshContext,
  type RemoveContext,
  readDriverOptions,
  Slot,
} from 'layerhook';
import { checkPlace } from './place.js';
import { SubvolumeStore } from './store.js';
import { snapshotSubvolume, subvolumeInfo } from './subvolume.js';
import { Unpacking } from './unpacking.js';

/**
 * Keeps what each chain of layers makes as a read-only subvolume, a snapshot of the one of the chain below with one
 * layer applied on top; a bundle's rootfs is a writable snapshot of the last.
 */
export default function btrfsDriver(options: Record<string, unknown>): Driver {
  const { store: place, durability = 'boot' } = readDriverOptions('btrfs', options);
  const root = join(place, 'btrfs');
  const store = new SubvolumeStore(root, durability);
  const slot = new Slot(
    (context: LayerContext) => new Unpacking(store, context),
    (unpacking) => unpacking.giveUp(),
  );
  return {
    name: 'btrfs',
    mtree: 'never',
    hooks: {
      'unpack.ociv1.layer.try-skip': async (context) => {
        checkPlace(root, { bundle: context.bundle, directory: dirname(context.rootfs) });
        return { skip: await slot.of(context).skips(context) };
      },
      'unpack.ociv1.layer.pre-extract': (context) => {
        const target = slot.find(context)?.begin(context);
        return target === undefined ? declined : { into: 'rootfs', target };
      },
      'unpack.ociv1.layer.post-extract': (context) => slot.find(context)?.commit(context),
      'unpack.ociv1.bundle.assemble': (context) => {
        const unpacking = slot.find(context);
        unpacking?.giveUp();
        if (unpacking?.whole === undefined) return declined;
        assemble(store.path(unpacking.whole), context.rootfs);
      },
      'repack.ociv1.layer.delta-list': (context) => listDelta(store, context),
      'repack.ociv1.layer.refresh-bundle': (context) => refresh(store, context),
      'bundle.ociv1.remove': async (context) => {
        slot.find(context)?.giveUp();
        await removeRootfs(context);
      },
    },
  };
}

/** Makes the empty rootfs a snapshot of what the layers make. */
function assemble(layers: string, rootfs: string): void {
  try {
    rmdirSync(rootfs);
    snapshotSubvolume(layers, rootfs);
  } catch (error) {
    throw fsError(error, `cannot make a snapshot at ${rootfs}`);
  }
}

async function listDelta(store: SubvolumeStore, { rootfs, treeIDs, signal, log }: DeltaContext) {
  const base = await baseIn(store, rootfs, treeIDs);
  if (base === undefined) {
    log.debug('the rootfs is not a snapshot of a layer in the store');
    return declined;
  }
  const { compareWithBase } = await import('./delta.js');
  return compareWithBase(rootfs, base, () => store.flush(rootfs), signal);
}

/** Returns the subvolume that a rootfs is a snapshot of. */
async function baseIn(store: SubvolumeStore, rootfs: string, treeIDs: readonly string[]) {
  const { baseOf } = await import('./lineage.js');
  return baseOf(
    rootfs,
    treeIDs.map((name) => store.path(name)),
  );
}

/**
 * Takes the new layer into the store. It is applied to a snapshot of the chain below, not taken from the rootfs, which
 * has what the layer has not: fractions of seconds, masked paths, what changed meanwhile.
 */
async function refresh(store: SubvolumeStore, context: RefreshContext): Promise<void> {
  const { layer, rootfs, treeID, treeIDs, map, keepDirlinks, layout, signal, log } = context;
  const lower = treeIDs.slice(0, -1);
  if (layer === null || (await baseIn(store, rootfs, lower)) === undefined) return;
  const making = await store.make(treeID, signal);
  if (making === null) return;
  const { applyLayer } = await import('layerhook');
  try {
    store.begin(making, lower.at(-1)!);
    await applyLayer({ ...layer, target: making.path, ...{ map, keepDirlinks, layout, signal, log } });
    making.commit();
  } catch (error) {
    throw fsError(error, `cannot keep layer ${layer.descriptor.digest}`);
  } finally {
    making.release();
  }
}

async function removeRootfs({ rootfs }: RemoveContext): Promise<void> {
  if (subvolumeInfo(rootfs) === undefined) return;
  const { deleteSubvolume } = await import('./remove.js');
  deleteSubvolume(rootfs);
}
