import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openMtreeCheck, readMtree } from '../../../src/engine/bundle/mtree-check.js';
import { tmpdir } from '../../helpers/tmp.js';
import { mtreeOf } from '../mtree.js';

const files = ['d/same', 'd/content', 'd/mode', 'd/time', 'd/linked', 'd/gone', 'd/type'];

async function opened(t: ExecutionContext<unknown>) {
  const directory = tmpdir(t);
  const rootfs = join(directory, 'rootfs');
  const at = (name: string) => join(rootfs, name);
  mkdirSync(at('d'), { recursive: true });
  for (const name of files) writeFileSync(at(name), 'x');
  for (const name of files) utimesSync(at(name), 1, 1);
  symlinkSync('same', at('d/symlink'));
  const file = join(directory, 'file.mtree');
  mtreeOf(rootfs, file);
  const check = await openMtreeCheck(rootfs, file);
  t.teardown(() => check.close());
  return { at, check };
}

test('the check returns the files that differ in any of umoci’s keywords, and those without an entry', async (t) => {
  const { at, check } = await opened(t);
  t.deepEqual(await check.changed([...files, 'd/symlink', '.']), []);
  writeFileSync(at('d/content'), 'y');
  utimesSync(at('d/content'), 1, 1);
  chmodSync(at('d/mode'), 0o600);
  utimesSync(at('d/time'), 1, 2);
  rmSync(at('d/gone'));
  rmSync(at('d/type'));
  mkdirSync(at('d/type'));
  linkSync(at('d/linked'), at('new'));
  rmSync(at('d/symlink'));
  symlinkSync('sane', at('d/symlink'));
  const expected = files.slice(1);
  t.deepEqual(await check.changed([...files, 'd/symlink', 'new']), [...expected, 'd/symlink', 'new']);
  t.deepEqual(await check.changed(['d/same']), []);
});

test('the check stops after an abort', async (t) => {
  const { at, check } = await opened(t);
  writeFileSync(at('d/same'), Buffer.alloc(128 << 20));
  const stop = new AbortController();
  const changed = check.changed(Array(10).fill('d/same'), stop.signal);
  setImmediate(() => stop.abort());
  await t.throwsAsync(changed, { code: 'ABORTED' });
});

test('an mtree is read lazily, but a missing root is found immediately', async (t) => {
  const file = join(tmpdir(t), 'file.mtree');
  writeFileSync(file, '#mtree\n. type=dir\n./a type=file mode=\\400\n');
  t.is((await readMtree(file)).entries.length, 2);
  writeFileSync(file, '#mtree\n./a type=file\n');
  await t.throwsAsync(readMtree(file), { code: 'MTREE_INVALID' });
});
