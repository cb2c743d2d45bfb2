import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { AT_FDCWD, close, mkdirat, openat } from '../../src/system/files.js';
import { removeTree } from '../../src/system/remove.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

test('a tree is removed, and nothing that its symlinks lead to', (t) => {
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'tree/a/b'), { recursive: true });
  mkdirSync(join(dir, 'kept'));
  writeFileSync(join(dir, 'kept/file'), '');
  symlinkSync('../../kept', join(dir, 'tree/a/link'));
  t.true(removeTree(join(dir, 'tree')));
  t.deepEqual(readdirSync(dir), ['kept']);
  t.deepEqual(readdirSync(join(dir, 'kept')), ['file']);
  t.false(removeTree(join(dir, 'tree')));
  symlinkSync('kept', join(dir, 'link'));
  t.true(removeTree(join(dir, 'link')));
  t.true(existsSync(join(dir, 'kept/file')));
});

test('a tree of any depth', (t) => {
  const dir = tmpdir(t);
  let fd = openat(AT_FDCWD, dir, 0);
  for (let depth = 0; depth < 2500; depth++) {
    mkdirat(fd, 'd', 0o700);
    const next = openat(fd, 'd', 0);
    close(fd);
    fd = next;
  }
  close(fd);
  t.true(removeTree(join(dir, 'd')));
  t.deepEqual(readdirSync(dir), []);
});

test('directories of mode 0, as somebody who is not root', (t) => {
  if (!requires(t, 'root')) return;
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'tree/closed/full'), { recursive: true });
  writeFileSync(join(dir, 'tree/closed/full/file'), '');
  for (const path of ['tree/closed/full/file', 'tree/closed/full', 'tree/closed', 'tree', '.']) {
    chownSync(join(dir, path), 65534, 65534);
    if (path !== '.') chmodSync(join(dir, path), 0);
  }
  const script = `import { removeTree } from ${JSON.stringify(new URL('../../src/system/remove.js', import.meta.url))};
    removeTree(${JSON.stringify(join(dir, 'tree'))});`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    uid: 65534,
    gid: 65534,
    cwd: '/',
    encoding: 'utf8',
  });
  t.is(stderr, '');
  t.deepEqual(readdirSync(dir), []);
});
