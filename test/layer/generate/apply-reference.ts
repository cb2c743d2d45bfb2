import { execFileSync } from 'node:child_process';

/**
 * Applies a diff layer to a tree the simplest way there is, by way of Python, which shares no code with us:
 * whiteouts first, then each entry in place of what is there; times of directories last. A directory's time
 * changes through its own entry only. image-spec layer.md.
 */
export function applyReference(root: string, tar: Buffer): void {
  execFileSync('python3', ['-c', script, root], { input: tar });
}

const script = `
import io, os, shutil, sys, tarfile
root = os.fsencode(sys.argv[1])
archive = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()), encoding='utf-8', errors='surrogateescape')
raw = lambda text: text.encode('utf-8', 'surrogateescape')
members = archive.getmembers()
names = [raw(m.name).rstrip(b'/') for m in members]
assert len(set(names)) == len(names), 'a name twice'
for name in names:
    assert not name.startswith(b'/') and b'..' not in name.split(b'/'), name

# other directories that change are always entries
root_mtime = os.lstat(root).st_mtime_ns

def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)

for name in names:
    base = os.path.basename(name)
    if base == b'.wh..wh..opq':
        for child in os.listdir(os.path.join(root, os.path.dirname(name))):
            remove(os.path.join(root, os.path.dirname(name), child))
    elif base.startswith(b'.wh.'):
        target = os.path.join(root, os.path.dirname(name), base[4:])
        assert os.path.lexists(target), b'whiteout of nothing: ' + name
        remove(target)

late = []
for member, name in zip(members, names):
    if os.path.basename(name).startswith(b'.wh.'):
        continue
    path = os.path.join(root, name)
    old = os.path.isdir(path) and not os.path.islink(path)
    if not (member.isdir() and old):
        remove(path)
    if member.islnk():
        os.link(os.path.join(root, raw(member.linkname)), path, follow_symlinks=False)
        continue
    if member.isdir():
        if not old:
            os.mkdir(path)
    elif member.issym():
        os.symlink(raw(member.linkname), path)
    elif member.isfifo():
        os.mkfifo(path)
    elif member.ischr():
        os.mknod(path, 0o020000, os.makedev(member.devmajor, member.devminor))
    else:
        with open(path, 'wb') as file:
            file.write(archive.extractfile(member).read())
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        os.chmod(path, member.mode)
    for key in os.listxattr(path, follow_symlinks=False):
        os.removexattr(path, key, follow_symlinks=False)
    for key, value in member.pax_headers.items():
        if key.startswith('SCHILY.xattr.'):
            os.setxattr(path, raw(key[13:]), raw(value), follow_symlinks=False)
    late.append((path, int(member.mtime)))
os.utime(root, ns=(root_mtime, root_mtime))
for path, mtime in reversed(late):
    os.utime(path, (mtime, mtime), follow_symlinks=False)
`;
