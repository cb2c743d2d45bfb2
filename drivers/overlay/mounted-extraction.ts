import { mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LayerContext } from 'layerhook';
import { mountAll, type OverlaySupport, overlayOptions, unmountAll } from 'layerhook/overlay';
import type { Variant } from './identity.js';
import type { LowerLayers } from './settle/lower-layers.js';
import { settle } from './settle/settle.js';

/**
 * Mounts a layer's directory on top of the layers below, for a layer that cannot be extracted without them: with
 * keepDirlinks, what they have decides of each of its directories.
 *
 * @param directory of the layer, empty
 * @returns where it is mounted, beside rootfs; null if there are no layers below
 */
export async function mountExtraction(
  directory: string,
  given: {
    below: LowerLayers | null;
    support: OverlaySupport;
    variant: Variant;
    context: LayerContext;
  },
): Promise<string | null> {
  const { below, support, context } = given;
  const { map, xattr } = given.variant;
  // a mount shows the root directory of its highest layer
  const unsettled = { implicitDirectories: ['.'], hidingDirectories: [], whiteouts: [], lowerHardlinks: [] };
  settle({ directory, unsettled, below, xattr, map });
  if (below === null) return null;
  const place = placeOf(context);
  mkdirSync(place, { mode: 0o700 });
  const dirs = {
    upperdir: directory,
    workdir: join(dirname(directory), 'work'),
    lowerdirs: below.directories,
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
