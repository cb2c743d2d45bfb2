import { LayerhookError } from '../../errors/index.js';
import type { Context } from '../context/context.js';
import { nameOf } from '../context/name.js';
import { lockFile } from '../lock.js';
import type { LayerExtraction, LayerIdentity } from '../types.js';
import { Extraction } from './extraction.js';
import { findLayer } from './find.js';

/** what the names of locks of layers begin with */
export const layerLock = 'layer-';

/**
 * As LayerStore's `extract`. Who wants several layers asks for them from the lowest up, so that no two processes wait
 * for each other.
 *
 * @throws LayerhookError ABORTED, SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export async function extractLayer(
  context: Context,
  layer: LayerIdentity,
  parent: string,
  signal: AbortSignal,
): Promise<LayerExtraction | null> {
  const unlock = await lockFile(lockPath(context, nameOf(layer)), signal);
  try {
    if (await findLayer(context, layer, parent)) {
      unlock();
      return null;
    }
    return new Extraction(context, layer, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** The lock of a layer by its name, whichever client wants it. @throws LayerhookError SNAPSHOT_ARGUMENT */
export function lockPath({ directories }: Context, name: string): string {
  const file = layerLock + encodeURIComponent(name);
  if (file.length <= 255) return directories.lock(file);
  const reason = 'the name of its map is too long';
  throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `layer ${name.slice(0, 80)}`, reason });
}
