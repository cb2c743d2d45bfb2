/** Labels and names that layerhook uses itself: a client can neither forge nor remove them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { LayerIdentity } from '../../src/store/types.js';
import { a, b, exists, extract, prepare, REF, type Served, serve } from './served.js';

const diffID = 'containerd.io/snapshot/diff-id';
const mark = 'layerhook/staged';
const declining = () => ({ skip: false });

test('a label cannot claim that an upper layer is the lowest one', async (t) => {
  const served = await serve(t, declining, { parallelUnpack: true });
  await extractAlone(served, a);
  const labels = { [diffID]: b.chainID };
  await prepare(served, b, '', { labels });
  await served.containerd.commit(`ns/1/${b.chainID}`, `ns/1/extract-1 ${b.chainID}`, {
    parent: `ns/1/${a.chainID}`,
    labels: { ...labels, [REF]: b.chainID },
  });
  // the layer on top of no other would be another image
  const [mount] = await prepare(served, b, '', { number: 2 });
  t.is(mount?.type, 'overlay');
});

test('the diffID of an upper layer is known if its chainID proves it', async (t) => {
  const served = await serve(t, declining);
  await extract(served, a);
  for (const [number, named] of [b.diffID, a.diffID].entries()) {
    await served.containerd.prepare(`key ${number}`, `ns/1/${a.chainID}`);
    const labels = { [REF]: b.chainID, [diffID]: named };
    await served.containerd.commit(`name ${number}`, `key ${number}`, { labels });
  }
  const layers = (await served.store.list()).map(({ layer }) => layer?.diffID);
  t.deepEqual(layers.sort(), ['', a.diffID, b.diffID].sort());
});

test('an update of all labels does not make a stored layer an empty one', async (t) => {
  const served = await serve(t, declining, { parallelUnpack: true, stagedLayers: true });
  const { containerd } = served;
  await extractAlone(served, a);
  await prepare(served, a, '', { number: 2 });
  const key = `ns/2/extract-1 ${a.chainID}`;
  for (const paths of [[], ['labels'], [`labels.${mark}`]]) {
    await containerd.update({ name: key, labels: { other: 'label' } }, paths);
    const [mount] = await containerd.mounts(key);
    t.true(mount?.options.includes('ro'), paths.join());
    t.is(readFileSync(join(mount!.source, 'file'), 'utf8'), 'x');
  }
  await containerd.commit(`ns/2/${a.chainID}`, key, { labels: { [REF]: a.chainID } });
  await containerd.view('view', `ns/2/${a.chainID}`);
  const [mount] = await containerd.mounts('view');
  t.is(readFileSync(join(mount!.source, 'file'), 'utf8'), 'x');
});

test('a client that sets the mark of stored layers gets an ordinary snapshot', async (t) => {
  const { containerd } = await serve(t, declining);
  const labels = { [mark]: a.chainID, other: 'label' };
  await containerd.prepare('key', '', { labels });
  await containerd.update({ name: 'key', labels }, [`labels.${mark}`]);
  const [mount] = await containerd.mounts('key');
  writeFileSync(join(mount!.source, 'file'), 'x');
  await containerd.commit('name', 'key', { labels });
  await containerd.view('view', 'name', { labels });
  t.deepEqual((await containerd.stat('name')).labels, { other: 'label' });
  for (const name of ['view', 'name']) await containerd.remove(name);
  for await (const { name } of containerd.walk()) t.fail(name);
});

test('no client can choose a name of those that only layerhook sees or cleans up', async (t) => {
  const { containerd, store } = await serve(t, declining);
  const refused = { code: 'SNAPSHOT_ARGUMENT' };
  await containerd.prepare('key', '');
  for (const name of ['extract layer', 'layerhook-staged key']) {
    await t.throwsAsync(containerd.prepare(name, ''), refused, name);
    await t.throwsAsync(containerd.view(name, ''), refused, name);
    await t.throwsAsync(containerd.commit(name, 'key'), refused, name);
  }
  await t.throwsAsync(store.prepare('extract layer', ''), refused);
  await t.throwsAsync(containerd.prepare('key', ''), exists);
});

/** Extracts a layer as containerd does with parallel unpack. */
async function extractAlone(served: Served, layer: LayerIdentity): Promise<void> {
  const [mount] = await prepare(served, layer);
  const upperdir = mount!.options.find((option) => option.startsWith('upperdir='))!.slice('upperdir='.length);
  writeFileSync(join(upperdir, 'file'), 'x');
  const labels = { [REF]: layer.chainID };
  await served.containerd.commit(`ns/1/${layer.chainID}`, `ns/1/extract-1 ${layer.chainID}`, { labels });
}
