import type { FileChange } from '../../layer/merged/compare.js';
import type { MergedTree, Walked } from '../../layer/merged/tree.js';
import type { ByteString } from '../../system/bytes.js';
import type { Side, Wanted } from './side.js';

/** Bytes of all files whose content is kept in memory. */
const maxTotal = 128 << 20;
/** Milliseconds for the comparison of one file, and of all files together. */
const fileTime = 2000;
const totalTime = 60_000;
/** As in git: a file with a NUL byte in its first bytes is binary. */
const binaryTestBytes = 8000;

/** The difference of one file's content: a unified diff, as bytes, or why it is left out. */
export type Patch = { diff: Buffer } | { omitted: 'binary' | 'too large' | 'too different' };

/**
 * Compares the content of changed text files.
 *
 * @param maxBytes larger files are not compared
 * @returns the patches of all files whose content differs, in the order of the changes
 */
export async function* patchesOf(
  a: Side,
  b: Side,
  changes: readonly FileChange[],
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<{ change: FileChange; patch: Patch }> {
  const differing = changes.filter((change) => hasContent(change, a.tree, b.tree));
  const small = chooseSmall(differing, a.tree, b.tree, maxBytes);
  const [before, after] = [
    await a.read(wanted(small, 'before', a.tree)),
    await b.read(wanted(small, 'after', b.tree)),
  ];
  const { createTwoFilesPatch } = await import('diff');
  const deadline = performance.now() + totalTime;
  for (const change of differing)
    yield { change, patch: small.has(change) ? compare(change) : { omitted: 'too large' } };

  function compare(change: FileChange): Patch {
    const old = versionOf(a.tree, change.before, before, `a/${headerName(change.path)}`);
    const now = versionOf(b.tree, change.after, after, `b/${headerName(change.path)}`);
    if (isBinary(old.content) || isBinary(now.content)) return { omitted: 'binary' };
    const timeout = Math.min(fileTime, deadline - performance.now());
    if (timeout <= 0) return { omitted: 'too different' };
    const texts = [old.content.toString('latin1'), now.content.toString('latin1')] as const;
    const patch = createTwoFilesPatch(old.header, now.header, ...texts, '', '', { timeout });
    if (patch === undefined) return { omitted: 'too different' };
    const tidy = patch.slice(patch.indexOf('--- ')).replaceAll(/^(---|\+\+\+) (.*)\t$/gm, '$1 $2');
    return { diff: Buffer.from(tidy, 'latin1') };
  }
}

/** One side of a comparison. */
interface Version {
  content: Buffer;
  /** the name in the header of the diff */
  header: string;
}

/** Returns the version of a file in a tree. A missing file, or one of another type, is empty and has the name of no file. */
function versionOf(
  tree: MergedTree,
  file: Walked | null,
  contents: ReadonlyMap<number, Buffer>,
  header: string,
): Version {
  if (!isRegular(tree, file)) return { content: Buffer.alloc(0), header: '/dev/null' };
  return { content: contents.get(file!.inode)!, header };
}

/** A line break in a name would end the line of the header. */
function headerName(path: ByteString): ByteString {
  return path.replace(/[\n\r\t]/g, '?');
}

function hasContent({ change, fields, before, after }: FileChange, a: MergedTree, b: MergedTree): boolean {
  if (change === 'changed' && !fields.includes('content') && !fields.includes('type')) return false;
  return sizeOf(a, before) > 0 || sizeOf(b, after) > 0;
}

function chooseSmall(
  changes: readonly FileChange[],
  a: MergedTree,
  b: MergedTree,
  maxBytes: number,
): Set<FileChange> {
  let total = 0;
  return new Set(
    changes.filter(({ before, after }) => {
      const [old, now] = [sizeOf(a, before), sizeOf(b, after)];
      if (old > maxBytes || now > maxBytes || total + old + now > maxTotal) return false;
      total += old + now;
      return true;
    }),
  );
}

function wanted(changes: Iterable<FileChange>, side: 'before' | 'after', tree: MergedTree): Wanted[] {
  return [...changes].flatMap((change) => {
    const file = change[side];
    return isRegular(tree, file) ? [{ path: change.path, inode: file!.inode }] : [];
  });
}

function isRegular(tree: MergedTree, file: Walked | null): boolean {
  return file !== null && tree.inodes.isRegular(file.inode);
}

function sizeOf(tree: MergedTree, file: Walked | null): number {
  return file === null ? 0 : tree.inodes.size(file.inode);
}

function isBinary(content: Buffer): boolean {
  return content.subarray(0, binaryTestBytes).includes(0);
}
