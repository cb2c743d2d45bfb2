import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { didYouMean } from '../text/nearest.js';

/** Returns ` (did you mean NAME?)` for a file that is missing, if a file beside it has a similar name. */
export function meantBeside(file: string): string {
  try {
    return didYouMean(basename(file), readdirSync(dirname(file)));
  } catch {
    return '';
  }
}
