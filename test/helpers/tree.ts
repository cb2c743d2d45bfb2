import { execFileSync } from 'node:child_process';
import type { Tree, TreeEntry } from '../../src/testing/tree.js';

export { diffTrees, type Tree, type TreeEntry } from '../../src/testing/tree.js';

/**
 * Lists a tree with all properties that a layer can set. Uses Python, to be independent of layerhook's code. Without the
 * modules of the site, Python starts in half the time.
 */
export function treeOf(root: string): Tree {
  const text = execFileSync('python3', ['-IS', '-c', script, root], {
    encoding: 'latin1',
    maxBuffer: 2 ** 30,
  });
  const rows = text.split('\n').filter((line) => line !== '');
  return new Map(rows.map((line) => JSON.parse(line) as [string, TreeEntry]));
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
