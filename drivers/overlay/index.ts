import { type Declined, type Driver, declined, type ImageContext, readDriverOptions, Slot } from 'layerhook';
import { Layers } from './layers.js';
import { DriverStore } from './store.js';

/**
 * Keeps every layer once, in the layer store. A bundle's rootfs is an overlay mount of its image's layers, with an upperdir
 * of its own.
 */
export default function overlayDriver(options: Record<string, unknown>): Driver {
  const store = new DriverStore(readDriverOptions('overlay', options));
  return store.support().by === 'none' ? plainDriver(store) : mountingDriver(store);
}

function mountingDriver(store: DriverStore): Driver {
  const slot = new Slot(
    (context: ImageContext & { keepDirlinks?: boolean }) => {
      const { map, keepDirlinks = false } = context;
      return new Layers(store, context, { map, keepDirlinks, xattr: store.xattr });
    },
    (layers) => layers.discard(),
  );
  return {
    name: 'overlay',
    mtree: 'never',
    hooks: {
      'unpack.ociv1.layer.try-skip': async (context) => ({
        skip: await slot.of(context).skips(context),
      }),
      'unpack.ociv1.layer.pre-extract': async (context) => (await slot.of(context).plan(context)) ?? declined,
      'unpack.ociv1.layer.post-extract': (context) => slot.of(context).commit(context),
      'unpack.ociv1.bundle.assemble': async (context) => {
        const { assembleRootfs } = await import('./rootfs.js');
        await assembleRootfs(store, await slot.of(context).top(), context);
      },
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
        return unmountBundle(context);
      },
      'bundle.ociv1.remove': async (context) => {
        const { removeBundle } = await import('./mount.js');
        await slot.find(context)?.discard();
        await removeBundle(store, context);
      },
    },
    async close() {
      await store.close();
    },
  };
}

/** Without overlay mounts, bundles are plain directories, and their mtree manifests show the changes. */
function plainDriver(store: DriverStore): Driver {
  const note = ({ log }: ImageContext): Declined => {
    const support = store.support();
    const reason = support.by === 'none' ? support.reason : '';
    log.warn(`overlays cannot be mounted, so the bundle will be a plain directory: ${reason}`);
    return declined;
  };
  return { name: 'overlay', hooks: { 'unpack.ociv1.bundle.assemble': note } };
}
