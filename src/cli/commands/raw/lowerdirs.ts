import { fromText, toText } from '../../../system/bytes.js';
import { splitLowerdirs } from '../../../system/overlay-options.js';

/** Returns the directories of an option `--lowerdir`, highest first. A colon in a path stands as `\:`. */
export function readLowerdirs(value: string | undefined): string[] {
  return value === undefined ? [] : splitLowerdirs(fromText(value)).map((path) => toText(path) ?? path);
}
