import { execFileSync } from 'node:child_process';

/** Everything about one file of a tree; what does not apply is left out. Names and attribute values are bytes (latin1). */
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
  /** all names of this file in the tree, if it has several */
  links?: string[];
  /** hexadecimal values by name */
  xattrs?: Record<string, string>;
}

/** A tree by path relative to its root; the root itself is `.`. */
export type Tree = Map<string, TreeEntry>;

/** Lists a tree with everything that an image layer can set, by way of Python, which shares no code with us. */
export function treeOf(root: string): Tree {
  const text = execFileSync('python3', ['-c', script, root], { encoding: 'latin1', maxBuffer: 2 ** 30 });
  const rows = text.split('\n').filter((line) => line !== '');
  return new Map(rows.map((line) => JSON.parse(line) as [string, TreeEntry]));
}

/**
 * What differs between two trees, one line each, sorted by path; empty when nothing does.
 *
 * @param ignore says which differences do not count: a field's name for all paths, or a function
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

const script = `
import hashlib, json, os, stat, sys
root = os.fsencode(sys.argv[1])
sys.setrecursionlimit(100000)
kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'dir', stat.S_IFLNK: 'symlink', stat.S_IFCHR: 'char',
         stat.S_IFBLK: 'block', stat.S_IFIFO: 'fifo', stat.S_IFSOCK: 'socket'}
text = lambda b: b.decode('latin1')
groups, rows = {}, []

def visit(path, name):
    st = os.lstat(path)
    kind = kinds[stat.S_IFMT(st.st_mode)]
    row = {'type': kind, 'mode': '%04o' % stat.S_IMODE(st.st_mode), 'owner': '%d:%d' % (st.st_uid, st.st_gid),
           'mtime': '%d.%09d' % (st.st_mtime_ns // 10**9, st.st_mtime_ns % 10**9)}
    if kind == 'file':
        row['size'] = st.st_size
        digest = hashlib.sha256()
        with open(path, 'rb') as file:
            for block in iter(lambda: file.read(1 << 20), b''):
                digest.update(block)
        row['sha256'] = digest.hexdigest()
    if kind == 'symlink':
        row['target'] = text(os.readlink(path))
    if kind in ('char', 'block'):
        row['device'] = '%d,%d' % (os.major(st.st_rdev), os.minor(st.st_rdev))
    if kind != 'dir' and st.st_nlink > 1:
        groups.setdefault((st.st_dev, st.st_ino), []).append((text(name), row))
    xattrs = os.listxattr(path, follow_symlinks=False)
    if xattrs:
        row['xattrs'] = {text(os.fsencode(x)): os.getxattr(path, x, follow_symlinks=False).hex() for x in sorted(xattrs)}
    rows.append((text(name), row))
    if kind == 'dir':
        for child in sorted(os.listdir(path)):
            visit(path + b'/' + child, child if name == b'.' else name + b'/' + child)

visit(root, b'.')
for names in groups.values():
    if len(names) > 1:
        for _, row in names:
            row['links'] = sorted(name for name, _ in names)
for row in rows:
    print(json.dumps(row))
`;
