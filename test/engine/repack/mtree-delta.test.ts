import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mtreeDelta } from '../../../src/engine/repack/mtree-delta.js';
import { fromText } from '../../../src/system/bytes.js';
import { setXattr } from '../../../src/system/xattr.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { mtreeOf } from '../mtree.js';

const names = ['a', 'b', 'c', 'd', 'e'];

/** A tree with a few files of mtime 1, and its mtree. */
function tree(t: ExecutionContext<unknown>) {
  const directory = tmpdir(t);
  const rootfs = join(directory, 'rootfs');
  const mtreeFile = join(directory, 'file.mtree');
  const at = (name: string) => join(rootfs, name);
  mkdirSync(at('d/sub'), { recursive: true });
  for (const name of names) writeFileSync(at(`d/${name}`), name);
  symlinkSync('a', at('link'));
  for (const name of [...names.map((each) => `d/${each}`), 'd/sub', 'd']) utimesSync(at(name), 1, 1);
  mtreeOf(rootfs, mtreeFile);
  const delta = async () => {
    const changes = await mtreeDelta({ rootfs, mtreeFile });
    return changes.map(({ kind, path }) => `${kind} ${path}`);
  };
  return { rootfs, mtreeFile, at, delta };
}

test('an unchanged tree has no changes', async (t) => {
  t.deepEqual(await tree(t).delta(), []);
});

test('each kind of difference is a change of its kind', async (t) => {
  const { at, delta } = tree(t);
  writeFileSync(at('new'), '');
  rmSync(at('d/a'));
  chmodSync(at('d/b'), 0o600);
  rmSync(at('link'));
  symlinkSync('b', at('link'));
  appendFileSync(at('d/c'), 'more');
  for (const name of ['d/c', 'd']) utimesSync(at(name), 1, 1);
  utimesSync(at('d/e'), 1, 2);
  // some filesystems change the size of a directory with its entries
  const changes = (await delta()).filter((line) => line !== 'modify d');
  t.deepEqual(changes.sort(), [
    ...['add new', 'delete d/a', 'modify .', 'modify d/b', 'modify d/c', 'modify d/e', 'modify link'],
  ]);
});

test('content of the same size and time is a change', async (t) => {
  const { at, delta } = tree(t);
  writeFileSync(at('d/a'), 'A');
  utimesSync(at('d/a'), 1, 1);
  t.deepEqual(await delta(), ['modify d/a']);
});

test('another fraction of a second is the same time', async (t) => {
  const { at, delta } = tree(t);
  utimesSync(at('d/a'), 1, 1.5);
  t.deepEqual(await delta(), []);
});

rootTest('extended attributes count', async (t) => {
  const { at, delta } = tree(t);
  setXattr(fromText(at('d/a')), 'trusted.x', Buffer.from('1'));
  setXattr(fromText(at('d/sub')), 'trusted.x', Buffer.from('1'));
  t.deepEqual(await delta(), ['modify d/a', 'modify d/sub']);
});

test('an mtree that is missing, malformed or without its root is refused by name', async (t) => {
  const { at, mtreeFile, delta } = tree(t);
  writeFileSync(mtreeFile, '#mtree\n./a type=file\n');
  await t.throwsAsync(delta(), { code: 'MTREE_INVALID', message: /file\.mtree.*root directory/ });
  writeFileSync(mtreeFile, '#mtree\n. type=dir\n/nonsense\n');
  await t.throwsAsync(delta(), { code: 'MTREE_INVALID', message: /file\.mtree.*3/ });
  symlinkSync('a', at('l'));
  writeFileSync(mtreeFile, '#mtree\n. type=dir\n\n\nl type=link link=\\400\n');
  await t.throwsAsync(delta(), { code: 'MTREE_INVALID', message: /file\.mtree:5: malformed escape/ });
  rmSync(mtreeFile);
  await t.throwsAsync(delta(), { code: 'SYSTEM', message: /file\.mtree: it does not exist/ });
});
