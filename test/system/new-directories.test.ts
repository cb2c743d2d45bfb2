import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { NewDirectories, withNewDirectories } from '../../src/system/new-directories.js';
import { tmpdir } from '../helpers/tmp.js';

test('only directories that were created are removed, and only if they are empty', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'old'));
  const made = new NewDirectories();
  for (const path of ['old/a/b', 'old/a/c', 'old/d/e']) made.make(join(root, path));
  writeFileSync(join(root, 'old/d/file'), '');
  made.remove();
  t.deepEqual(readdirSync(join(root, 'old')), ['d']);
  t.deepEqual(readdirSync(join(root, 'old/d')), ['file']);
});

test('a directory that takes the name of a new one stays, also behind a symlink', (t) => {
  const root = tmpdir(t);
  const made = new NewDirectories();
  made.make(join(root, 'a/b/c'));
  mkdirSync(join(root, 'elsewhere/c'), { recursive: true });
  renameSync(join(root, 'a/b'), join(root, 'moved'));
  symlinkSync(join(root, 'elsewhere'), join(root, 'a/b'));
  made.remove();
  t.deepEqual(readdirSync(join(root, 'elsewhere')), ['c']);
  t.deepEqual(readdirSync(join(root, 'a')), ['b']);
});

test('parents that were created before a failure are removed', async (t) => {
  const root = tmpdir(t);
  const tooLong = join(root, 'a/b', 'x'.repeat(300));
  t.throws(() => withNewDirectories((made) => made.make(tooLong)), { code: 'SYSTEM' });
  const rejected = withNewDirectories(async (made) => {
    made.make(join(root, 'a/b'));
    throw new Error('later');
  });
  await t.throwsAsync(rejected, { message: 'later' });
  t.deepEqual(readdirSync(root), []);
  t.is(
    withNewDirectories((made) => {
      made.make(join(root, 'kept'));
      return 1;
    }),
    1,
  );
  t.true(existsSync(join(root, 'kept')));
});
