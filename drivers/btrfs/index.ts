import { rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type DeltaContext,
  type Driver,
  declined,
  fsError,
  type LayerContext,
  type RemoveContext,
  readDriverOptions,
  Slot,
} from 'layerhook';
import { baseOf, clockStep } from './lineage.js';
import { checkPlace } from './place.js';
import { deleteSubvolume } from './remove.js';
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
  const began = new Slot(() => BigInt(Date.now()) * 1_000_000n - clockStep);
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
      'repack.ociv1.layer.delta-list': (context) => {
        began.of(context);
        return listDelta(store, context);
      },
      'repack.ociv1.layer.refresh-bundle': async (context) => {
        const { refresh } = await import('./refresh.js');
        return refresh(store, context, began.find(context));
      },
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
  const base = baseOf(
    rootfs,
    treeIDs.map((name) => store.path(name)),
  );
  if (base === undefined) {
    log.debug('the rootfs is not a snapshot of a layer in the store');
    return declined;
  }
  const { compareWithBase } = await import('./delta.js');
  return compareWithBase(rootfs, base, () => store.flush(rootfs), signal);
}

async function removeRootfs({ rootfs }: RemoveContext): Promise<void> {
  if (subvolumeInfo(rootfs) === undefined) return;
  deleteSubvolume(rootfs);
}
