import { type Declined, type Driver, declined, type ImageContext, Slot } from 'layerhook';
import type { LayerForm } from './form.js';
import { Layers } from './layers.js';
import type { DriverStore } from './store.js';

/** What tells drivers apart that keep layers in the store and mount bundles as overlays. */
export interface StoreDriver {
  name: string;
  store: DriverStore;
  /** Makes the form of the layers of one operation. */
  newForm(): LayerForm;
  /** Called after a bundle was unmounted or removed. */
  onUnmounted?(): Promise<void>;
}

/**
 * Makes a driver that keeps every layer once, in the layer store. A bundle's rootfs is an overlay mount of its image's
 * layers, with an upperdir of its own.
 */
export function storeDriver(given: StoreDriver): Driver {
  return given.store.support().by === 'none' ? plainDriver(given) : mountingDriver(given);
}

function mountingDriver({ name, store, newForm, onUnmounted }: StoreDriver): Driver {
  const slot = new Slot(
    (context: ImageContext) => {
      const { map, keepDirlinks } = context;
      return new Layers(store, context, { map, keepDirlinks, xattr: store.xattr }, newForm());
    },
    (layers) => layers.discard(),
  );
  return {
    name,
    mtree: 'never',
    hooks: {
      ...unpackHooks(store, slot),
      'repack.ociv1.layer.delta-list': async (context) => {
        const { listDelta } = await import('./delta.js');
        return listDelta(store, context);
      },
      'repack.ociv1.layer.refresh-bundle': async (context) => {
        const { refreshBundle } = await import('./refresh.js');
        return refreshBundle(store, context);
      },
      'bundle.ociv1.mount': async (context) => {
        const { mountBundle } = await import('./mount.js');
        return mountBundle(store, context);
      },
      'bundle.ociv1.umount': async (context) => {
        const { unmountBundle } = await import('./mount.js');
        const done = await unmountBundle(context);
        if (done !== declined) await onUnmounted?.();
        return done;
      },
      'bundle.ociv1.remove': async (context) => {
        const { removeBundle } = await import('./mount.js');
        await slot.find(context)?.discard();
        await removeBundle(store, context);
        await onUnmounted?.();
      },
    },
    async close() {
      await store.close();
    },
  };
}

function unpackHooks(store: DriverStore, slot: Slot<Layers, ImageContext>): Driver['hooks'] {
  return {
    'unpack.ociv1.layer.try-skip': async (context) => ({
      skip: await slot.of(context).skips(context),
    }),
    'unpack.ociv1.layer.pre-extract': async (context) => (await slot.of(context).plan(context)) ?? declined,
    'unpack.ociv1.layer.post-extract': (context) => slot.of(context).commit(context),
    'unpack.ociv1.bundle.assemble': async (context) => {
      const { assembleRootfs } = await import('./rootfs.js');
      await assembleRootfs(store, await slot.of(context).top(), context);
    },
  };
}

/** Without overlay mounts, bundles are plain directories, and their mtree manifests show the changes. */
function plainDriver({ name, store }: StoreDriver): Driver {
  const note = ({ log }: ImageContext): Declined => {
    const support = store.support();
    const reason = support.by === 'none' ? support.reason : '';
    log.warn(`overlays cannot be mounted, so the bundle will be a plain directory: ${reason}`);
    return declined;
  };
  return { name, hooks: { 'unpack.ociv1.bundle.assemble': note } };
}
