import { digestOf } from './digest.js';
import type { Digest } from './types.js';

/**
 * Returns the chainIDs of a stack of layers, lowest first: `chainIDs(x)[n]` identifies layers 0 to n together.
 *
 * image-spec config.md, "Layer ChainID": the first is the diffID itself, each other the sha256 of
 * `chainID(below) + " " + diffID`.
 */
export function chainIDs(diffIDs: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffID : chainIDOn(below, diffID));
  }
  return chain;
}

/** Returns the chainID of a layer on top of the layers whose chainID is `below`. */
export function chainIDOn(below: Digest, diffID: Digest): Digest {
  return digestOf(`${below} ${diffID}`);
}
