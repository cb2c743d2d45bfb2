import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { tmpdir } from '../helpers/tmp.js';
import {
  commitFile,
  extractFile,
  freshStore,
  layer,
  nothingBelow,
  signal,
  storeAt,
  walkAll,
} from './helpers.js';

const [one, two] = [layer('1'), layer('2', '12')];

test('a layer is found after its extraction', async (t) => {
  const store = await freshStore(t);
  t.false(await store.find(one, '', nothingBelow));
  await extractFile(store, one);
  t.true(await store.find(one, '', nothingBelow));
  t.is(await store.extract(one, '', { signal }), null);
  const info = await store.stat(store.nameOf(one));
  t.like(info, { kind: 'committed', parent: '' });
  t.deepEqual(info.labels, { 'containerd.io/snapshot.ref': one.chainID, 'layerhook/diff-id': one.diffID });
});

test('a discarded layer is not found, and others can try', async (t) => {
  const store = await freshStore(t);
  const extraction = await store.extract(one, '', { signal });
  writeFileSync(join(extraction!.target, 'half'), '');
  await extraction!.discard();
  await extraction!.discard();
  t.false(existsSync(extraction!.target));
  t.deepEqual(await walkAll(store), []);
  await extractFile(store, one);
});

test('a layer with another map is another layer', async (t) => {
  const store = await freshStore(t);
  await extractFile(store, one);
  const mapped = layer('1', '1', '0:100000:65536');
  t.false(await store.find(mapped, '', nothingBelow));
  await extractFile(store, mapped);
  t.not(await store.directory(store.nameOf(mapped)), await store.directory(store.nameOf(one)));
});

test('a layer on top of a missing one cannot be committed, and is discarded', async (t) => {
  const store = await freshStore(t);
  const extraction = await store.extract(two, one.chainID, { signal });
  await t.throwsAsync(extraction!.commit({ parent: one.chainID, dependencies: [] }), {
    code: 'SNAPSHOT_NOT_FOUND',
  });
  t.deepEqual(await walkAll(store), []);
  await extraction!.discard();
  const again = await store.extract(two, one.chainID, { signal });
  await again!.discard();
});

test('a manifest that was written during the extraction stays with the layer', async (t) => {
  const store = await freshStore(t);
  const extraction = await store.extract(one, '', { signal });
  writeFileSync(extraction!.mtree, '#mtree\n');
  await extraction!.commit({ parent: '', dependencies: [] });
  const [content] = await store.list();
  t.is(readFileSync(content!.mtree, 'utf8'), '#mtree\n');
  t.deepEqual(content!.layer, { diffID: one.diffID, chainIDs: [one.chainID], map: '' });
});

test('the same layer on top of others is shared if nothing in it depends on them', async (t) => {
  const store = await freshStore(t);
  await extractFile(store, one);
  await extractFile(store, layer('x'));
  await extractFile(store, layer('shared', '1s'), store.nameOf(one));
  const elsewhere = layer('shared', 'xs');
  t.true(await store.find(elsewhere, store.nameOf(layer('x')), nothingBelow));
  const [a, b] = [layer('shared', '1s'), elsewhere].map((of) => store.directory(store.nameOf(of)));
  t.is(await a, await b);
  t.is((await store.stat(store.nameOf(elsewhere))).parent, store.nameOf(layer('x')));
  t.is((await store.list()).length, 3);
});

test('the same layer on top of others is not shared if it took from below what is different there', async (t) => {
  const store = await freshStore(t);
  await extractFile(store, one);
  const dependencies = [
    { path: 'etc', value: 'mode=755' },
    { path: 'usr', value: 'mode=700' },
  ];
  await extractFile(store, layer('d', '1d'), store.nameOf(one), dependencies);
  const elsewhere = layer('d', 'xd');
  const asked: string[] = [];
  const other = (path: string) => {
    asked.push(path);
    return path === 'etc' ? 'mode=755' : 'mode=777';
  };
  t.false(await store.find(elsewhere, store.nameOf(one), other));
  t.deepEqual(asked, ['etc', 'usr']);
  const same = (path: string) => dependencies.find((of) => of.path === path)!.value;
  t.true(await store.find(elsewhere, store.nameOf(one), same));
});

test('a layer with unknown dependencies is used on the same chain only', async (t) => {
  const store = await freshStore(t);
  await extractFile(store, one, '', null);
  t.true(await store.find(one, '', nothingBelow));
  t.false(await store.find(layer('1', 'other'), '', nothingBelow));
});

test('a client sees only its own names, and a layer of another without extracting it', async (t) => {
  const root = join(tmpdir(t), 'store');
  const [ours, theirs] = [await storeAt(t, root), await storeAt(t, root, { client: 'containerd' })];
  await extractFile(ours, one);
  await commitFile(theirs, 'private');
  t.deepEqual(
    (await walkAll(theirs)).map(({ name }) => name),
    ['private'],
  );
  await t.throwsAsync(theirs.remove(ours.nameOf(one)), { code: 'SNAPSHOT_NOT_FOUND' });
  await t.throwsAsync(ours.stat('private'), { code: 'SNAPSHOT_NOT_FOUND' });

  t.true(await theirs.find(one, '', nothingBelow));
  t.is(await theirs.directory(theirs.nameOf(one)), await ours.directory(ours.nameOf(one)));
  await theirs.update({ name: theirs.nameOf(one), labels: { 'containerd.io/gc.root': 'x' } });
  t.false('containerd.io/gc.root' in (await ours.stat(ours.nameOf(one))).labels);
  t.is((await ours.stat(ours.nameOf(one))).labels['containerd.io/snapshot.ref'], one.chainID);
});

test('content lives while a name of any client points to it', async (t) => {
  const root = join(tmpdir(t), 'store');
  const [ours, theirs] = [await storeAt(t, root), await storeAt(t, root, { client: 'containerd' })];
  await extractFile(ours, one);
  await theirs.find(one, '', nothingBelow);
  const directory = await ours.directory(ours.nameOf(one));
  await ours.remove(ours.nameOf(one));
  t.is(readFileSync(join(directory, 'file'), 'utf8'), one.diffID);
  t.true(await ours.find(one, '', nothingBelow));
  await ours.remove(ours.nameOf(one));
  await theirs.remove(theirs.nameOf(one));
  t.false(existsSync(directory));
  t.deepEqual(await ours.list(), []);
});

test('a client that names layers in its own way adopts what is there', async (t) => {
  const root = join(tmpdir(t), 'store');
  const [ours, theirs] = [await storeAt(t, root), await storeAt(t, root, { client: 'containerd' })];
  await extractFile(ours, one);
  await extractFile(ours, two, ours.nameOf(one));
  const unknownDiff = { ...two, diffID: '' };
  t.true(await theirs.adopt('ns/1', one, ''));
  await t.throwsAsync(theirs.adopt('ns/1', one, ''), { code: 'SNAPSHOT_EXISTS' });
  await t.throwsAsync(theirs.adopt('ns/2', two, 'missing'), { code: 'SNAPSHOT_NOT_FOUND' });
  t.true(await theirs.adopt('ns/2', unknownDiff, 'ns/1', { labels: { mine: 'yes' } }));
  t.false(await theirs.adopt('ns/3', layer('nowhere'), ''));
  const filter = `labels."containerd.io/snapshot.ref"=="${two.chainID}",parent==ns/1`;
  const [found, ...more] = await walkAll(theirs, [filter]);
  t.deepEqual(more, []);
  t.deepEqual(found!.labels, { mine: 'yes', 'containerd.io/snapshot.ref': two.chainID });
  t.deepEqual(await theirs.lowerdirs('ns/2'), await ours.lowerdirs(ours.nameOf(two)));
});

test('a snapshot that containerd committed with its label is a layer', async (t) => {
  const root = join(tmpdir(t), 'store');
  const [ours, theirs] = [await storeAt(t, root), await storeAt(t, root, { client: 'containerd' })];
  await theirs.prepare('default/1/extract-1 x', '');
  const labels = { 'containerd.io/snapshot.ref': one.chainID };
  await theirs.commit(`default/2/${one.chainID}`, 'default/1/extract-1 x', { labels });
  t.true(await ours.find(one, '', nothingBelow));
  t.is(await ours.directory(ours.nameOf(one)), await theirs.directory(`default/2/${one.chainID}`));

  const mapped = { 'containerd.io/snapshot.ref': two.chainID, 'containerd.io/snapshot/uidmapping': '0:1:2' };
  await theirs.prepare('mapped', '');
  await theirs.commit('mapped name', 'mapped', { labels: mapped });
  t.false(await ours.find(two, '', nothingBelow));
});
