import { formatBytes } from '../../terminal/quantities.js';
import { formatCount, formatCounted } from '../../text/counted.js';

export { formatBytes, formatCount, formatCounted };

/** By mark: the sign, which tells the same as the colour, and the word. */
export const markTexts = [
  { sign: '', word: 'unchanged', label: 'Unchanged', className: 'none' },
  { sign: '+', word: 'added', label: 'Added', className: 'added' },
  { sign: '~', word: 'changed', label: 'Changed', className: 'changed' },
  { sign: '−', word: 'deleted', label: 'Deleted', className: 'deleted' },
] as const;

const typeWords = ['file', 'directory', 'symlink', 'character device', 'block device', 'FIFO'];
const typeLetters = ['-', 'd', 'l', 'c', 'b', 'p'];

export function typeWord(type: number): string {
  return typeWords[type]!;
}

export function formatPercent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** Formats a mode as `ls -l` does. */
export function formatMode(type: number, mode: number): string {
  const letters = [6, 3, 0].map((shift, at) => {
    const bits = mode >> shift;
    const special = (mode >> (11 - at)) & 1;
    const letter = at === 2 ? 't' : 's';
    const last = bits & 1 ? (special ? letter : 'x') : special ? letter.toUpperCase() : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  });
  return `${typeLetters[type]}${letters.join('')}`;
}

/** Returns the command that made a layer, without what all builders write around it. */
export function shortCommand(command: string | undefined): string {
  if (command === undefined) return '(no history)';
  return command
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/^(?:RUN )?\/bin\/sh -c /, 'RUN ')
    .replace(/\s*# buildkit$/, '')
    .trim();
}

/**
 * Returns the hue of a layer in degrees, from teal to violet: green, amber and red mean changes. Neighbours differ much, because
 * the steps are those of the golden ratio.
 */
export function hueOf(layer: number): number {
  return Math.round(185 + ((0.4 + layer * 0.618) % 1) * 140);
}
