import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { nextTick } from '../../../drivers/copy/clock.js';
import { statTree, statTreeAgain } from '../../../src/layer/walk/index.js';
import fc from '../../helpers/properties.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { apply, edit } from '../generate/edits.js';

const edits = fc.array(edit, { minLength: 10, maxLength: 40, size: 'max' });

rootTest('any edits: looking again finds what a walk finds', async (t) => {
  const property = fc.asyncProperty(edits, edits, async (first, second) => {
    const root = join(tmpdir(t), 'root');
    mkdirSync(root);
    apply(root, first);
    await nextTick(dirname(root));
    const before = statTree(root);
    apply(root, second);
    t.deepEqual(
      statTreeAgain(root, before, () => true),
      statTree(root),
    );
  });
  await fc.assert(property, { numRuns: 50 });
});

test('a directory that may have changed without a trace is read', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd/f'), '');
  const before = statTree(root);
  const forgetful = { paths: before.paths.slice(0, 2), words: before.words };
  t.deepEqual(statTreeAgain(root, forgetful, () => true).paths, ['.', 'd']);
  t.deepEqual(statTreeAgain(root, forgetful, () => false).paths, ['.', 'd', 'd/f']);
});

test('paths longer than a system call takes are found too', (t) => {
  const root = tmpdir(t);
  const name = 'n'.repeat(250);
  const start = process.cwd();
  process.chdir(root);
  t.teardown(() => process.chdir(start));
  for (let i = 0; i < 20; i++) {
    mkdirSync(name);
    process.chdir(name);
  }
  process.chdir(start);
  const before = statTree(root);
  t.is(before.paths.length, 21);
  t.deepEqual(
    statTreeAgain(root, before, () => true),
    before,
  );
  // node cannot remove such paths
  execFileSync('rm', ['-rf', join(root, name)]);
});

test('a directory that became a symlink is not looked into', async (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'd/sub'), { recursive: true });
  await nextTick(root);
  const before = statTree(root);
  renameSync(join(root, 'd'), join(root, 'e'));
  symlinkSync('e', join(root, 'd'));
  t.deepEqual(statTreeAgain(root, before, () => true).paths, ['.', 'd', 'e', 'e/sub']);
});

test('a missing root is an error', (t) => {
  const root = join(tmpdir(t), 'none');
  const before = { paths: ['.'], words: new Uint32Array(18) };
  t.throws(() => statTreeAgain(root, before, () => true), { code: 'SYSTEM' });
});
