import type { ByteString } from '../../system/bytes.js';
import { comparePaths } from '../walk/index.js';
import type { Inodes } from './inodes.js';
import type { MergedTree, Walked } from './tree.js';

/** What of a file differs. `links`: it shares its content with other names than before. */
export type ChangedField =
  | 'type'
  | 'content'
  | 'target'
  | 'device'
  | 'mode'
  | 'owner'
  | 'xattrs'
  | 'links'
  | 'mtime';

/** One path that differs between two trees. */
export interface FileChange {
  path: ByteString;
  change: 'added' | 'changed' | 'deleted';
  /** what differs, if changed */
  fields: ChangedField[];
  /** null if added */
  before: Walked | null;
  /** null if deleted */
  after: Walked | null;
}

export interface CompareTreesOptions {
  /** true: a file that differs in nothing but its mtime, in whole seconds, is changed too */
  times: boolean;
}

/**
 * Compares two trees that were read with digests.
 *
 * @returns the changes, sorted as a walk visits the paths
 */
export function* compareMerged(
  a: MergedTree,
  b: MergedTree,
  options: CompareTreesOptions,
): Generator<FileChange> {
  const [before, after] = [a.walk(), b.walk()];
  const [aNames, bNames] = [firstNames(a), firstNames(b)];
  let [x, y] = [next(before), next(after)];
  while (x !== null || y !== null) {
    const order = x === null ? 1 : y === null ? -1 : comparePaths(x.path, y.path);
    if (order < 0) {
      yield { path: x!.path, change: 'deleted', fields: [], before: x, after: null };
      x = next(before);
    } else if (order > 0) {
      yield { path: y!.path, change: 'added', fields: [], before: null, after: y };
      y = next(after);
    } else {
      const fields = changedFields(a.inodes, x!.inode, b.inodes, y!.inode, options);
      if (aNames.get(x!.inode) !== bNames.get(y!.inode)) fields.push('links');
      if (fields.length > 0) yield { path: x!.path, change: 'changed', fields, before: x, after: y };
      [x, y] = [next(before), next(after)];
    }
  }
}

function next(walk: Generator<Walked>): Walked | null {
  const step = walk.next();
  return step.done ? null : step.value;
}

/** Returns the first name of each file that has several. */
function firstNames(tree: MergedTree): Map<number, ByteString> {
  const counts = tree.linkCounts();
  const names = new Map<number, ByteString>();
  for (const { path, inode } of tree.walk())
    if (counts[inode]! > 1 && !names.has(inode)) names.set(inode, path);
  return names;
}

function changedFields(
  a: Inodes,
  x: number,
  b: Inodes,
  y: number,
  { times }: CompareTreesOptions,
): ChangedField[] {
  const type = a.type(x);
  if (type !== b.type(y)) return ['type'];
  const [before, after] = [a.metadata(x), b.metadata(y)];
  const differs: Partial<Record<ChangedField, boolean>> = {
    content: type === 'file' && (a.size(x) !== b.size(y) || a.digest(x) !== b.digest(y)),
    target: type === 'symlink' && a.target(x) !== b.target(y),
    device: (type === 'char' || type === 'block') && !sameDevice(a.device(x), b.device(y)),
    mode: before.mode !== after.mode,
    owner: before.uid !== after.uid || before.gid !== after.gid,
    xattrs: !sameXattrs(before.xattrs, after.xattrs),
    mtime: times && before.mtime.sec !== after.mtime.sec,
  };
  return (Object.keys(differs) as ChangedField[]).filter((field) => differs[field]);
}

type Device = ReturnType<Inodes['device']>;

function sameDevice(a: Device, b: Device): boolean {
  return a.major === b.major && a.minor === b.minor;
}

type Xattrs = ReadonlyMap<ByteString, Buffer>;

function sameXattrs(a: Xattrs, b: Xattrs): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name)?.equals(value));
}
