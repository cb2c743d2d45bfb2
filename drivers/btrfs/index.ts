import { rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DeltaContext, Driver, ImageContext, RefreshContext, RemoveContext } from 'layerhook/driver';
import { chainIDs, declined, fsError } from 'layerhook/driver';
import { storeOf } from './options.js';
import { checkPlace } from './place.js';
import { SubvolumeStore, subvolumeName } from './store.js';
import { snapshotSubvolume, subvolumeInfo } from './subvolume.js';
import { Unpacking } from './unpacking.js';

/**
 * Keeps what each chain of layers makes as a read-only subvolume, a snapshot of the one of the chain below with one
 * layer applied on top; a bundle's rootfs is a writable snapshot of the last.
 */
export default function btrfsDriver(options: Record<string, unknown>): Driver {
  const root = storeOf(options);
  const store = new SubvolumeStore(root);
  const unpackings = new Map<string, Unpacking>();
  return {
    name: 'btrfs',
    hooks: {
      'unpack.ociv1.layer.try-skip': async (context) => {
        if (context.keepDirlinks) return declined;
        checkPlace(root, { bundle: context.bundle, directory: dirname(context.rootfs) });
        const unpacking = unpackings.get(context.rootfs) ?? new Unpacking(store, context);
        unpackings.set(context.rootfs, unpacking);
        return { skip: await unpacking.skips(context) };
      },
      'unpack.ociv1.layer.pre-extract': (context) => {
        const target = unpackings.get(context.rootfs)?.begin(context);
        return target === undefined ? declined : { target, format: 'plain' };
      },
      'unpack.ociv1.layer.post-extract': (context) => unpackings.get(context.rootfs)?.commit(context),
      'unpack.ociv1.bundle.assemble': (context) => {
        const unpacking = unpackings.get(context.rootfs);
        unpackings.delete(context.rootfs);
        if (unpacking?.isComplete !== true) return declined;
        assemble(store, context);
      },
      'repack.ociv1.layer.delta-list': (context) => listDelta(store, context),
      'repack.ociv1.layer.refresh-bundle': (context) => refresh(store, context),
      'bundle.ociv1.remove': async (context) => {
        unpackings.get(context.rootfs)?.giveUp();
        unpackings.delete(context.rootfs);
        await removeRootfs(context);
      },
    },
  };
}

/** Makes the empty rootfs a snapshot of what the layers make. */
function assemble(store: SubvolumeStore, { rootfs, config, map }: ImageContext): void {
  const top = chainIDs(config.rootfs.diff_ids).at(-1)!;
  try {
    rmdirSync(rootfs);
    snapshotSubvolume(store.path(subvolumeName(top, map)), rootfs);
  } catch (error) {
    throw fsError(error, `cannot make a snapshot at ${rootfs}`);
  }
}

async function listDelta(store: SubvolumeStore, { rootfs, config, map, log }: DeltaContext) {
  const layers = chainIDs(config.rootfs.diff_ids).map((chainID) => store.path(subvolumeName(chainID, map)));
  const { baseOf } = await import('./lineage.js');
  const base = baseOf(rootfs, layers);
  if (base === undefined) {
    log.debug('the rootfs is no snapshot of a layer that is in the store');
    return declined;
  }
  const { compareWithBase } = await import('./delta.js');
  return compareWithBase(rootfs, base);
}

/**
 * Takes the new layer into the store. It is applied to a snapshot of the chain below, not taken from the rootfs, which
 * has what the layer has not: fractions of seconds, masked paths, what changed meanwhile.
 */
async function refresh(store: SubvolumeStore, context: RefreshContext): Promise<void> {
  const { layer, config, map, layout, signal, log } = context;
  const below = chainIDs(config.rootfs.diff_ids).at(-2);
  if (layer === null || below === undefined || !store.has(subvolumeName(below, map))) return;
  const making = await store.make(subvolumeName(layer.chainID, map), signal);
  if (making === null) return;
  const { applyLayer } = await import('layerhook');
  try {
    store.begin(making, subvolumeName(below, map));
    await applyLayer({ ...layer, target: making.path, ...{ layout, map, signal, log } });
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
