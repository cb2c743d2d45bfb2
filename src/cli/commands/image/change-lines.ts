import type { Difference } from '../../../engine/diff/diff.js';
import type { FileChange } from '../../../layer/merged/compare.js';
import type { MergedTree, Walked } from '../../../layer/merged/tree.js';
import { formatBytes } from '../../../terminal/quantities.js';
import { showName } from './file-lines.js';

const letters = { added: 'A', changed: 'M', deleted: 'D' } as const;

export function nameLine({ path }: FileChange): string {
  return showName(path);
}

/** Returns a change in the manner of `git status --short`, with what differs. */
export function statusLine(change: FileChange): string {
  const fields = change.fields.length === 0 ? '' : ` (${change.fields.join(', ')})`;
  return `${letters[change.change]} ${nameLine(change)}${fields}`;
}

/** Says that a file differs, and why its patch is missing. */
export function omittedLine(change: FileChange, reason: string): string {
  return `${letters[change.change]} ${nameLine(change)} (${reason})`;
}

/** Returns the sizes of all changed files, and a summary. */
export function* statLines({ before, after, changes }: Difference): Generator<string> {
  const count = { added: 0, changed: 0, deleted: 0 };
  let grown = 0;
  for (const change of changes) {
    const [old, now] = [sizeOf(before.tree, change.before), sizeOf(after.tree, change.after)];
    count[change.change]++;
    grown += now - old;
    const sizes = old === now ? formatBytes(now) : `${formatBytes(old)} -> ${formatBytes(now)}`;
    yield `${statusLine(change)} | ${sizes}`;
  }
  const sign = grown < 0 ? '-' : '+';
  yield `${count.added} added, ${count.changed} changed, ${count.deleted} deleted, ${sign}${formatBytes(Math.abs(grown))}`;
}

function sizeOf(tree: MergedTree, file: Walked | null): number {
  return file === null ? 0 : tree.inodes.size(file.inode);
}
