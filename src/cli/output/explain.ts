import { parseImageReference } from '../../image/references.js';
import { explainSpace } from '../../terminal/explain-space.js';
import type { OptionSpecs, OptionValues } from '../command.js';
import { explainImage } from './explain-image.js';

/** Adds to an error what only the command line knows: the words that the user gave. */
export function explain(
  error: unknown,
  args: readonly string[],
  options: OptionValues<OptionSpecs>,
): unknown {
  return explainSpace(explainImage(error, [options.image, ...args]), namedPlaces(args, options));
}

/** Returns the paths that a command line names: the layout, the store, and the operands. */
function namedPlaces(args: readonly string[], { store, image }: Record<string, unknown>): string[] {
  const layout = typeof image === 'string' ? [parseImageReference(image).path] : [];
  return [...args, ...(typeof store === 'string' ? [store] : []), ...layout];
}
