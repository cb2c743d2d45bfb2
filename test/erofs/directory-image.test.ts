import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { writeDirectoryImage } from '../../src/erofs/directory-image.js';
import { fromText } from '../../src/system/bytes.js';
import { AT_FDCWD, mknodat, S } from '../../src/system/files.js';
import { unmount } from '../../src/system/mount.js';
import { mountErofs } from '../../src/system/mount-erofs.js';
import { setXattr } from '../../src/system/xattr.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

rootTest('an image of a directory shows every kind of file, with whiteouts and marks of overlayfs', (t) => {
  const root = filled(t);
  const [image, place] = [join(tmpdir(t), 'image'), tmpdir(t)];
  writeDirectoryImage(root, image);
  mountErofs(fromText(image), fromText(place));
  t.teardown(() => unmount(fromText(place), { detach: true }));
  t.deepEqual(diffTrees(treeOf(place), treeOf(root)), []);
  const blocks = Number(execFileSync('stat', ['-c', '%b', image], { encoding: 'utf8' }));
  t.true(blocks * 512 < 2 ** 20, 'the holes of the sparse file take no space');
});

rootTest('a directory that no image can hold is an error, and leaves no image', (t) => {
  const root = tmpdir(t);
  // one name and value fit the filesystem; all together they are more than EROFS has room for
  for (let i = 0; i < 5; i++) setXattr(fromText(root), `trusted.${i}`, Buffer.alloc(60_000));
  const image = join(tmpdir(t), 'image');
  t.throws(() => writeDirectoryImage(root, image), { code: 'LIMIT_EXCEEDED', message: /attribute trusted/ });
  t.false(existsSync(image));
});

function filled(t: ExecutionContext<unknown>): string {
  const root = tmpdir(t);
  const at = (name: string) => join(root, name);
  mkdirSync(at('dir/deep'), { recursive: true, mode: 0o1711 });
  setXattr(fromText(at('dir')), 'trusted.overlay.opaque', Buffer.from('y'));
  setXattr(fromText(at('dir/deep')), 'user.note', Buffer.alloc(3000, 'n'));
  writeFileSync(at('dir/large'), Buffer.alloc(1_234_567 / 2, 'large'), { mode: 0o4755 });
  linkSync(at('dir/large'), at('hard'));
  writeFileSync(at('empty'), '');
  for (const length of [1, 448, 449, 4000]) symlinkSync('l'.repeat(length), at(`link-${length}`));
  const node = (name: string, mode: number, major = 0, minor = 0) =>
    mknodat(AT_FDCWD, fromText(at(name)), mode | 0o640, major, minor);
  node('whiteout', S.IFCHR);
  node('block', S.IFBLK, 259, 300);
  node('fifo', S.IFIFO);
  node('socket', S.IFSOCK);
  const sparse = openSync(at('sparse'), 'w');
  writeSync(sparse, 'begin', 2 ** 25 + 7);
  ftruncateSync(sparse, 2 ** 27 + 1);
  closeSync(sparse);
  return root;
}
