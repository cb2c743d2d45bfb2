import { execFileSync, spawnSync } from 'node:child_process';
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
import { mkdirat, symlinkat } from '../../src/system/files.js';
import { removeTree } from '../../src/system/remove.js';
import { makeDeep } from '../helpers/deep.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const importRemove = `import { removeTree } from ${JSON.stringify(new URL('../../src/system/remove.js', import.meta.url))};`;

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

test('a removal reports its entries, of all directories together', (t) => {
  const tree = join(tmpdir(t), 'tree');
  for (const directory of ['a', 'b']) {
    mkdirSync(join(tree, directory), { recursive: true });
    for (let at = 0; at < 70; at++) writeFileSync(join(tree, directory, `${at}`), '');
  }
  const reports: number[] = [];
  t.true(removeTree(tree, (entries) => reports.push(entries)));
  t.deepEqual(reports, [64, 128]);
});

for (const depth of [2500, 5000, 100_000]) {
  test(`a tree ${depth} levels deep, with few descriptors`, (t) => {
    const dir = tmpdir(t);
    makeDeep(dir, depth);
    writeFileSync(join(dir, 'canary'), '');
    // a process of its own: it has the small stack and the few descriptors of an ordinary command
    const { stderr } = runLimited(`removeTree(${JSON.stringify(join(dir, 'd'))});`);
    t.is(stderr, '');
    t.deepEqual(readdirSync(dir), ['canary']);
  });
}

test('a tree that is wide at every level', (t) => {
  const dir = tmpdir(t);
  makeDeep(dir, 300, (fd) => {
    for (const name of ['a', 'b', 'y', 'z']) {
      mkdirat(fd, name, 0o700);
      symlinkat('../../canary', fd, `${name}/link`);
      mkdirat(fd, `${name}/full`, 0o700);
    }
  });
  mkdirSync(join(dir, 'canary'));
  writeFileSync(join(dir, 'canary/file'), '');
  t.true(removeTree(join(dir, 'd')));
  t.deepEqual(readdirSync(dir), ['canary']);
  t.deepEqual(readdirSync(join(dir, 'canary')), ['file']);
});

test('a symlink in the place of a deep directory is removed, not followed', (t) => {
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'canary'));
  writeFileSync(join(dir, 'canary/file'), '');
  makeDeep(dir, 200, (fd, depth) => {
    if (depth === 150) symlinkat(join(dir, 'canary'), fd, 'link');
  });
  t.true(removeTree(join(dir, 'd')));
  t.deepEqual(readdirSync(join(dir, 'canary')), ['file']);
});

rootTest('a mount below stays', (t) => {
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'canary'));
  writeFileSync(join(dir, 'canary/file'), '');
  mkdirSync(join(dir, 'tree/a/mounted'), { recursive: true });
  execFileSync('mount', ['--bind', join(dir, 'canary'), join(dir, 'tree/a/mounted')]);
  try {
    t.throws(() => removeTree(join(dir, 'tree')), { code: 'EBUSY' });
    t.deepEqual(readdirSync(join(dir, 'canary')), ['file']);
  } finally {
    execFileSync('umount', [join(dir, 'tree/a/mounted')]);
  }
  t.true(removeTree(join(dir, 'tree')));
});

rootTest('directories of mode 0, as an unprivileged user', (t) => {
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'tree/closed/full'), { recursive: true });
  writeFileSync(join(dir, 'tree/closed/full/file'), '');
  for (const path of ['tree/closed/full/file', 'tree/closed/full', 'tree/closed', 'tree', '.']) {
    chownSync(join(dir, path), 65534, 65534);
    if (path !== '.') chmodSync(join(dir, path), 0);
  }
  const script = `${importRemove} removeTree(${JSON.stringify(join(dir, 'tree'))});`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    uid: 65534,
    gid: 65534,
    cwd: '/',
    encoding: 'utf8',
  });
  t.is(stderr, '');
  t.deepEqual(readdirSync(dir), []);
});

function runLimited(script: string) {
  const command = 'ulimit -n 1024 && exec "$0" --input-type=module -e "$1"';
  return spawnSync('bash', ['-c', command, process.execPath, `${importRemove} ${script}`], {
    encoding: 'utf8',
  });
}
