import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { type ByteString, fromText, toBuffer } from '../system/bytes.js';
import { AT_FDCWD, S } from '../system/files.js';
import { readDirectory } from '../system/readdir.js';
import { StatBuffer, statAt } from '../system/stat.js';
import { readXattrs } from '../system/xattr.js';

/** The properties of one file in a tree, if they apply to its type. Names and attribute values are bytes (latin1). */
export interface TreeEntry {
  type: 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';
  /** four octal digits */
  mode: string;
  owner: string;
  /** seconds.nanoseconds */
  mtime: string;
  size?: number;
  sha256?: string;
  target?: string;
  device?: string;
  /** all names of this file in the tree, if there are several */
  links?: string[];
  /** hexadecimal values by name */
  xattrs?: Record<string, string>;
}

/** Entries of a tree by path relative to its root; the root is `.`. */
export type Tree = Map<string, TreeEntry>;

const types: Record<number, TreeEntry['type']> = {
  [S.IFREG]: 'file',
  [S.IFDIR]: 'dir',
  [S.IFLNK]: 'symlink',
  [S.IFCHR]: 'char',
  [S.IFBLK]: 'block',
  [S.IFIFO]: 'fifo',
  [S.IFSOCK]: 'socket',
};

/** Lists a tree with all properties that a layer can set. */
export function readTree(root: string): Tree {
  const tree: Tree = new Map();
  const groups = new Map<string, ByteString[]>();
  // a list instead of recursion: the depth is unlimited
  const todo: ByteString[] = ['.'];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) todo.push(...visit(path).reverse());
  for (const names of groups.values())
    if (names.length > 1) for (const name of names) tree.get(name)!.links = [...names].sort();
  return tree;

  /** Adds a file. @returns the entries of a directory */
  function visit(path: ByteString): ByteString[] {
    const at = path === '.' ? fromText(root) : `${fromText(root)}/${path}`;
    const stat = new StatBuffer();
    if (!statAt(AT_FDCWD, at, stat)) return [];
    tree.set(path, readEntry(at, stat));
    if (!stat.isDirectory && stat.nlink > 1) {
      const inode = `${stat.devMajor}:${stat.devMinor}:${stat.ino}`;
      groups.set(inode, [...(groups.get(inode) ?? []), path]);
    }
    if (!stat.isDirectory) return [];
    return namesIn(at).map((name) => (path === '.' ? name : `${path}/${name}`));
  }
}

function readEntry(at: ByteString, stat: StatBuffer): TreeEntry {
  const type = types[stat.type]!;
  const entry: TreeEntry = {
    type,
    mode: showMode(stat.mode),
    owner: `${stat.uid}:${stat.gid}`,
    mtime: showTime({ sec: stat.mtimeSec, nsec: stat.mtimeNsec }),
  };
  if (type === 'file') Object.assign(entry, describeContent(readFileSync(toBuffer(at))));
  if (type === 'symlink') entry.target = readlinkSync(toBuffer(at), 'latin1');
  if (type === 'char' || type === 'block') entry.device = `${stat.rdevMajor},${stat.rdevMinor}`;
  const xattrs = readXattrs(at);
  if (xattrs.size > 0) entry.xattrs = showXattrs(xattrs);
  return entry;
}

function namesIn(directory: ByteString): ByteString[] {
  const fd = openSync(toBuffer(directory), 'r');
  try {
    return readDirectory(fd)
      .map(({ name }) => name)
      .sort();
  } finally {
    closeSync(fd);
  }
}

/** Formats permission, setuid, setgid and sticky bits. */
export function showMode(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Formats a time. */
export function showTime({ sec, nsec }: { sec: number; nsec: number }): string {
  return `${sec}.${String(nsec).padStart(9, '0')}`;
}

/** Formats extended attributes. */
export function showXattrs(xattrs: ReadonlyMap<ByteString, Buffer>): Record<string, string> {
  const sorted = [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [name, value.toString('hex')]));
}

/** Describes the content of a file. */
export function describeContent(content: Buffer): { size: number; sha256: string } {
  return { size: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

/**
 * Returns the differences between two trees, one line each, sorted by path.
 *
 * @param ignore returns true for differences that do not count
 */
export function diffTrees(
  a: Tree,
  b: Tree,
  ignore: (path: string, field: string) => boolean = () => false,
): string[] {
  const paths = [...new Set([...a.keys(), ...b.keys()])].sort();
  return paths.flatMap((path) => diffEntries(path, a.get(path), b.get(path), ignore));
}

function diffEntries(
  path: string,
  a: TreeEntry | undefined,
  b: TreeEntry | undefined,
  ignore: (path: string, field: string) => boolean,
): string[] {
  const name = JSON.stringify(path);
  if (!a || !b) return ignore(path, 'exists') ? [] : [`${name}: only in the ${a ? 'first' : 'second'}`];
  const fields = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof TreeEntry)[];
  return fields
    .filter((field) => !ignore(path, field) && JSON.stringify(a[field]) !== JSON.stringify(b[field]))
    .map((field) => `${name}: ${field} ${JSON.stringify(a[field])} / ${JSON.stringify(b[field])}`);
}
