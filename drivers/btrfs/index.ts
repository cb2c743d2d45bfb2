import { rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  chainIDs,
  type DeltaContext,
  type Digest,
  type Driver,
  declined,
  fsError,
  type LayerContext,
  type MapOptions,
  type RefreshContext,
  type RemoveContext,
  readDriverOptions,
  Slot,
} from 'layerhook';
import { subvolumeName, type Variant } from './names.js';
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

async function listDelta(store: SubvolumeStore, { rootfs, config, map, signal, log }: DeltaContext) {
  const { base } = (await lineageOf(store, rootfs, chainIDs(config.rootfs.diff_ids), map)) ?? {};
  if (base === undefined) {
    log.debug('the rootfs is not a snapshot of a layer in the store');
    return declined;
  }
  const { compareWithBase } = await import('./delta.js');
  return compareWithBase(rootfs, base, () => store.flush(rootfs), signal);
}

/** What a rootfs is a snapshot of. How links to directories were treated a bundle does not say: its subvolume does. */
async function lineageOf(store: SubvolumeStore, rootfs: string, chain: Digest[], map: MapOptions) {
  const { baseOf } = await import('./lineage.js');
  for (const keepDirlinks of [false, true]) {
    const variant: Variant = { map, keepDirlinks };
    const base = baseOf(
      rootfs,
      chain.map((chainID) => store.path(subvolumeName(chainID, variant))),
    );
    if (base !== undefined) return { base, variant };
  }
  return undefined;
}

/**
 * Takes the new layer into the store. It is applied to a snapshot of the chain below, not taken from the rootfs, which
 * has what the layer has not: fractions of seconds, masked paths, what changed meanwhile.
 */
async function refresh(store: SubvolumeStore, context: RefreshContext): Promise<void> {
  const { layer, rootfs, config, map, layout, signal, log } = context;
  const lower = chainIDs(config.rootfs.diff_ids).slice(0, -1);
  const lineage = layer && (await lineageOf(store, rootfs, lower, map));
  if (!lineage) return;
  const { variant } = lineage;
  const making = await store.make(subvolumeName(layer.chainID, variant), signal);
  if (making === null) return;
  const { applyLayer } = await import('layerhook');
  try {
    store.begin(making, subvolumeName(lower.at(-1)!, variant));
    await applyLayer({ ...layer, target: making.path, ...variant, ...{ layout, signal, log } });
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
