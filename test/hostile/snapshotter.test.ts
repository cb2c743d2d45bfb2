/** Names, parents and labels as a hostile gRPC client sends them: nothing outside the store is touched, and the server goes on. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import type { Snapshotter } from '../../src/store/types.js';
import { treeOf } from '../helpers/tree.js';
import { a, isEmpty, prepare, REF, serve } from '../snapshotter/served.js';

const texts = [
  '../../../../outside/secret',
  '..',
  '',
  'a\0b',
  'a\nb',
  '__proto__',
  `sha256:${'/'.repeat(64)}`,
  'uidmapping=0:0:4294967295',
  'x'.repeat(5000),
  // errors show the beginning, whose last character would be half of one
  ...[75, 76, 77, 78, 79].map((length) => 'x'.repeat(length) + '😀'.repeat(600)),
  'x'.repeat(1_000_000),
];
const labels = [
  REF,
  'containerd.io/snapshot/cri.layer-digest',
  'containerd.io/snapshot/cri.image-layers',
  'containerd.io/snapshot/cri.image-ref',
  'containerd.io/snapshot/uidmapping',
  'containerd.io/snapshot/gidmapping',
  'layerhook/broken',
];

type Call = (snapshotter: Snapshotter, text: string) => Promise<unknown>;

/** Each leaves at most the snapshots `key` and `view`, and those named as the text. */
const calls: Record<string, Call> = {
  'as the key': (snapshotter, text) => snapshotter.prepare(text, ''),
  'as the parent': (snapshotter, text) => snapshotter.prepare('key', text),
  'as the parent of a view': (snapshotter, text) => snapshotter.view('view', text),
  'as the name': async (snapshotter, text) => {
    await snapshotter.prepare('key', '');
    await snapshotter.commit(text, 'key');
  },
  'as the name of a label': (snapshotter, text) =>
    snapshotter.prepare('key', '', { labels: { [text]: 'x' } }),
  'to mount': (snapshotter, text) => snapshotter.mounts(text),
  'as a filter': async (snapshotter, text) => {
    for await (const _ of snapshotter.walk([`name==${text}`, `labels."${text}"==${text}`]));
  },
  'as the value of labels': (snapshotter, text) => snapshotter.prepare('key', '', { labels: all(text) }),
  'as the value of labels of a commit': async (snapshotter, text) => {
    await snapshotter.prepare('key', '');
    await snapshotter.commit('view', 'key', { labels: all(text) });
  },
};

function all(text: string): Record<string, string> {
  return Object.fromEntries(labels.map((label) => [label, text]));
}

test('odd texts in every place of a request', async (t) => {
  // a hook sees what containerd would have it see, and declines
  const served = await serve(t, () => ({ skip: false }));
  const { containerd, root } = served;
  const outside = join(dirname(root), 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 });
  const names = () => [readdirSync(dirname(root)).sort(), readdirSync(root).sort(), [...treeOf(outside)]];
  const before = names();
  let accepted = 0;
  for (const [place, call] of Object.entries(calls))
    for (const text of texts) {
      const label = `${JSON.stringify(text.slice(0, 80))} ${place}`;
      let left = ['key'];
      try {
        await call(containerd, text);
        left = [text, 'view', 'key'];
        accepted++;
      } catch (error) {
        t.true(isLayerhookError(error), `${label}: ${error}`);
        t.notRegex((error as Error).message, /internal error|\bat .*\.js:\d/, label);
      }
      for (const name of left) await containerd.remove(name).catch(() => {});
      for (const name of readdirSync(join(root, 'snapshots'))) t.regex(name, /^\d+$/, label);
      t.deepEqual(names(), before, label);
    }
  t.true(accepted > texts.length);
  await prepare(served, a);
  for await (const { name } of containerd.walk([])) await containerd.remove(name);
  await isEmpty(t, served);
});

test('snapshots with large labels are listed', async (t) => {
  const { containerd } = await serve(t, () => ({ skip: false }));
  const labels = { large: 'x'.repeat(300_000) };
  const names = Array.from({ length: 30 }, (_, number) => `key ${number}`).sort();
  for (const name of names) await containerd.prepare(name, '', { labels });
  const found: string[] = [];
  for await (const { name } of containerd.walk()) found.push(name);
  t.deepEqual(found, names);
});

test('a label with the name of a property of every object', async (t) => {
  const { containerd } = await serve(t, () => ({ skip: false }));
  await containerd.prepare('key', '', { labels: { plain: 'x' } });
  for (const name of ['constructor', 'toString']) {
    const { labels } = await containerd.update({ name: 'key', labels: {} }, [`labels.${name}`]);
    t.deepEqual(labels, { plain: 'x' });
    await containerd.update({ name: 'key', labels: { [name]: 'y' } }, [`labels.${name}`]);
    t.deepEqual((await containerd.stat('key')).labels, { plain: 'x', [name]: 'y' });
    await containerd.update({ name: 'key', labels: {} }, [`labels.${name}`]);
  }
});
