import { mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LayerContext } from 'layerhook';
import {
  fixUpLayer,
  type LowerTree,
  mountAll,
  type OverlaySupport,
  overlayOptions,
  unmountAll,
} from 'layerhook/overlay';
import type { Variant } from './identity.js';

/**
 * Mounts a layer's directory on top of its lower layers, for a layer that cannot be extracted independently: with
 * keepDirlinks, a directory of the layer may stand for a symlink of the lower layers.
 *
 * @param directory of the layer, empty
 * @returns where it is mounted, beside rootfs; null for the lowest layer
 */
export async function mountExtraction(
  directory: string,
  given: {
    lower: LowerTree | null;
    support: OverlaySupport;
    variant: Variant;
    context: LayerContext;
  },
): Promise<string | null> {
  const { lower, support, context } = given;
  const { map, xattr } = given.variant;
  // a mount shows the root directory of its highest layer
  fixUpLayer({ directory, lower, xattr, map });
  if (lower === null) return null;
  const place = placeOf(context);
  mkdirSync(place, { mode: 0o700 });
  const dirs = {
    upperdir: directory,
    workdir: join(dirname(directory), 'work'),
    lowerdirs: [...lower.directories],
  };
  const options = [...overlayOptions(dirs), ...(xattr === 'user' ? ['userxattr'] : [])];
  const mount = { type: 'overlay' as const, source: 'overlay', target: '', options };
  await mountAll([mount], place, { support });
  return place;
}

export async function unmountExtraction(place: string): Promise<void> {
  await unmountAll(place, { detach: true });
  rmdirSync(place);
}

function placeOf({ rootfs, index }: LayerContext): string {
  return join(dirname(rootfs), `layer-${index}`);
}
