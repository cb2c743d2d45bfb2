import type { OptionSpecs, OptionValues } from '../command.js';
import { explainImage } from './explain-image.js';
import { explainSpace, namedPlaces } from './explain-space.js';

/** Adds to an error what only the command line knows: the words that the user gave. */
export function explain(
  error: unknown,
  args: readonly string[],
  options: OptionValues<OptionSpecs>,
): unknown {
  return explainSpace(explainImage(error, [options.image, ...args]), namedPlaces(args, options));
}
