import { lockFile } from '../../system/lock.js';
import type { Context } from '../context/context.js';
import { nameOf } from '../context/name.js';
import type { LayerIdentity, ProvideOptions } from '../types.js';
import { adoptLayer } from './adopt.js';
import { lockPath } from './extract.js';
import { Filling } from './filling.js';

/**
 * Implements Store's `provide`.
 *
 * @throws LayerhookError ABORTED, SNAPSHOT_ARGUMENT, SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION, NO_SPACE,
 * SYSTEM; errors of `fill`
 */
export async function provideLayer(
  context: Context,
  name: string,
  layer: LayerIdentity,
  parent: string,
  { labels, signal, fill }: ProvideOptions,
): Promise<boolean> {
  const unlock = await lockFile(lockPath(context, nameOf(layer)), signal);
  const filling = new Filling(context, layer, parent);
  try {
    // another process may have added the layer while this one waited
    if (adoptLayer(context, name, layer, parent, { labels })) return true;
    const isFilled = await fill(filling);
    if (isFilled) await filling.commit(name, { labels });
    return isFilled;
  } finally {
    try {
      await filling.discard();
    } finally {
      unlock();
    }
  }
}
