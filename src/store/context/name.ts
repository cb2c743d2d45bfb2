import type { LayerIdentity } from '../types.js';

/** Returns the name that layerhook gives a layer's committed snapshot. */
export function nameOf({ chainID, map }: LayerIdentity): string {
  return map === '' ? chainID : `${chainID}+${map}`;
}
