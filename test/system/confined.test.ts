import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openInRootfs, readInRootfs, walk } from '../../src/system/confined.js';
import { O } from '../../src/system/files.js';
import { tmpdir } from '../helpers/tmp.js';

function rootfs(dir: string): string {
  const root = join(dir, 'rootfs');
  mkdirSync(join(root, 'etc/deep'), { recursive: true });
  writeFileSync(join(dir, 'passwd'), 'host');
  writeFileSync(join(dir, 'secret'), 'host');
  writeFileSync(join(root, 'etc/passwd'), 'image');
  symlinkSync('/etc/passwd', join(root, 'absolute'));
  symlinkSync('../../../../../../etc/passwd', join(root, 'etc/deep/climbing'));
  symlinkSync('/', join(root, 'etc/deep/top'));
  symlinkSync('../secret', join(root, 'escaping'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('/proc/self/root/etc/passwd', join(root, 'magic'));
  return root;
}

test('symlinks and .. resolve inside the root', (t) => {
  const root = rootfs(tmpdir(t));
  for (const path of [
    'etc/passwd',
    '/etc/passwd',
    'absolute',
    'etc/deep/climbing',
    'etc/deep/top/etc/passwd',
    '../../etc/passwd',
  ])
    t.is(readInRootfs(root, path, 100)?.toString(), 'image', path);
  t.is(readInRootfs(root, 'escaping', 100), null);
  t.is(readInRootfs(root, '../secret', 100), null);
  t.is(readInRootfs(root, 'magic', 100), null);
  t.is(readInRootfs(root, 'etc/passwd/below', 100), null);
  t.throws(() => readInRootfs(root, 'loop', 100), { code: 'IMAGE_INVALID' });
});

test('the walk by hand finds what openat2 finds', (t) => {
  const root = rootfs(tmpdir(t));
  const rootFd = openSync(root, O.PATH | O.DIRECTORY);
  t.teardown(() => closeSync(rootFd));
  const read = (open: () => number) => {
    try {
      const fd = open();
      const text = readFileSync(fd, 'utf8');
      closeSync(fd);
      return text;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  };
  for (const path of [
    'etc/passwd',
    'absolute',
    'etc/deep/climbing',
    'etc/deep/top/etc/passwd',
    'escaping',
    'loop',
    'magic',
    'missing/x',
    '.',
    '..',
  ])
    t.is(
      read(() => walk(rootFd, path, O.RDONLY)),
      read(() => openInRootfs(root, path, O.RDONLY)),
      path,
    );
});

test('CVE-2024-9676: a fifo instead of a file does not hang', (t) => {
  const root = rootfs(tmpdir(t));
  execFileSync('mkfifo', [join(root, 'etc/group')]);
  t.throws(() => readInRootfs(root, 'etc/group', 100), { code: 'IMAGE_INVALID' });
  t.throws(() => readInRootfs(root, 'etc', 100), { code: 'IMAGE_INVALID' });
});

test('CVE-2026-47262: a huge file is refused before it is read', (t) => {
  const root = rootfs(tmpdir(t));
  truncateSync(join(root, 'etc/passwd'), 2 ** 40);
  t.throws(() => readInRootfs(root, 'etc/passwd', 1 << 20), { code: 'LIMIT_EXCEEDED' });
  truncateSync(join(root, 'etc/passwd'), 100);
  t.is(readInRootfs(root, 'etc/passwd', 100)?.length, 100);
});
