import { LayerhookError } from '../../errors/index.js';
import type { LayerIdentity } from '../types.js';

/** Prefix of the keys of snapshots that layers are extracted into; the layer's name follows. `cleanup` removes dead ones. */
export const extractionPrefix = 'extract ';

/** Returns the name that layerhook gives a layer's committed snapshot. */
export function nameOf({ chainID, map }: LayerIdentity): string {
  return map === '' ? chainID : `${chainID}+${map}`;
}

/** Requires a key or name that a caller may choose for a snapshot. @throws LayerhookError SNAPSHOT_ARGUMENT */
export function requireFreeText(what: string, name: string): void {
  if (name === '') throw new LayerhookError('SNAPSHOT_ARGUMENT', { what, reason: 'it is empty' });
  if (!name.startsWith(extractionPrefix)) return;
  const reason = `names that begin with "${extractionPrefix}" are those of unfinished layers`;
  throw new LayerhookError('SNAPSHOT_ARGUMENT', { what, reason });
}
