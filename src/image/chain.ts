import { digestOf } from './digest.js';
import type { Digest } from './types.js';

/**
 * The chainIDs of a stack of layers, lowest first: `chainIDs(x)[n]` names layers 0 to n together.
 *
 * image-spec config.md, "Layer ChainID": the first is the diffID itself, each other the sha256 of
 * `chainID(below) + " " + diffID`.
 */
export function chainIDs(diffIDs: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffID : digestOf(`${below} ${diffID}`));
  }
  return chain;
}
