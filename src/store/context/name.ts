import type { LayerIdentity } from '../types.js';

/** The name that a layer has as a committed snapshot of a client of ours. */
export function nameOf({ chainID, map }: LayerIdentity): string {
  return map === '' ? chainID : `${chainID}+${map}`;
}
