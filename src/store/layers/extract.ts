import { LayerhookError } from '../../errors/index.js';
import { lockFile } from '../../system/lock.js';
import type { Context } from '../context/context.js';
import { nameOf } from '../context/name.js';
import type { LayerExtraction, LayerIdentity } from '../types.js';
import { Extraction } from './extraction.js';
import { findLayer } from './find.js';

/** prefix of the names of layer locks */
export const layerLock = 'layer-';

/**
 * Implements LayerStore's `extract`. A caller that needs several layers must extract them from the lowest up, so that two
 * processes never wait for each other.
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

/** Returns the path of a layer's lock, which all clients share. @throws LayerhookError SNAPSHOT_ARGUMENT */
export function lockPath({ directories }: Context, name: string): string {
  const file = layerLock + encodeURIComponent(name);
  if (file.length <= 255) return directories.lock(file);
  const reason = 'the name of its ID mapping is too long';
  throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `layer ${name.slice(0, 80)}`, reason });
}
