import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'mtree-ts';
import { unmapped } from '../../../src/engine/operation.js';
import { PackedEntries, refreshMtree } from '../../../src/engine/repack/refresh-mtree.js';
import { generateLayer } from '../../../src/layer/generate/generate.js';
import type { Change } from '../../../src/layer/types.js';
import { tmpdir } from '../../helpers/tmp.js';
import { mtreeOf } from '../mtree.js';

/** A tree with its mtree, which can be edited, packed and refreshed. */
function tree(t: ExecutionContext<unknown>) {
  const rootfs = join(tmpdir(t), 'rootfs');
  const at = (name: string) => join(rootfs, name);
  mkdirSync(at('d/sub'), { recursive: true });
  for (const name of ['a', 'd/b', 'd/sub/c']) writeFileSync(at(name), name);
  const old = parse(mtreeOf(rootfs));
  const pack = async (changes: Change[]) => {
    const packed = new PackedEntries();
    const options = { rootfs, changes, map: unmapped, onPacked: packed.add };
    for await (const _ of generateLayer(options));
    return packed;
  };
  /** entries by path, without the header, whose date differs */
  const entries = (mtree: Buffer) =>
    parse(mtree).entries.map(({ path, keywords }) => [path, ...[...keywords].sort()]);
  return { rootfs, at, old, pack, entries };
}

test('after packing all changes, the mtree equals the mtree of a fresh walk', async (t) => {
  const { rootfs, at, old, pack, entries } = tree(t);
  writeFileSync(at('a'), 'changed');
  writeFileSync(at('d/new'), 'new');
  symlinkSync('a', at('link'));
  rmSync(at('d/sub'), { recursive: true });
  const changes: Change[] = [
    ...['.', 'a', 'd', 'd/new', 'link'].map((path): Change => ({ path, kind: 'modify' })),
    { path: 'd/sub', kind: 'delete' },
  ];
  const refreshed = refreshMtree(old, changes, await pack(changes));
  t.deepEqual(entries(refreshed), entries(mtreeOf(rootfs)));
});

test('a file in place of a directory drops the entries below it, and not those of its neighbours', async (t) => {
  const { rootfs, at, old, pack, entries } = tree(t);
  renameSync(at('d/sub'), at('d/sub-2'));
  renameSync(at('d/b'), at('d/sub'));
  const changes: Change[] = [
    ...['d', 'd/sub', 'd/sub-2', 'd/sub-2/c'].map((path): Change => ({ path, kind: 'add' })),
    { path: 'd/b', kind: 'delete' },
  ];
  const refreshed = refreshMtree(old, changes, await pack(changes));
  t.deepEqual(entries(refreshed), entries(mtreeOf(rootfs)));
});

test('an entry that was not packed keeps its old state', async (t) => {
  const { at, old, pack } = tree(t);
  const before = old.get('d/b')!.get('sha256digest');
  writeFileSync(at('d/b'), 'masked');
  writeFileSync(at('d/masked'), 'masked');
  writeFileSync(at('a'), 'packed');
  const changes: Change[] = [{ path: 'a', kind: 'modify' }];
  const packed = await pack(changes);
  writeFileSync(at('a'), 'later');
  const refreshed = parse(refreshMtree(old, changes, packed));
  t.is(refreshed.get('d/b')!.get('sha256digest'), before);
  t.is(refreshed.get('d/masked'), undefined);
  t.is(refreshed.get('a')!.get('size'), '6');
  t.not(refreshed.get('a')!.get('sha256digest'), old.get('a')!.get('sha256digest'));
});

test('the header is kept', (t) => {
  const { old } = tree(t);
  const header = new Map([...old.header, ['user', 'me']]);
  const given = Object.assign(Object.create(old), { entries: old.entries, header });
  t.is(parse(refreshMtree(given, [], new PackedEntries())).header.get('user'), 'me');
});
