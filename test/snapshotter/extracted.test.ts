/** Hooks that run after containerd has extracted a layer. */
import { readdirSync } from 'node:fs';
import test from 'ava';
import { declined, type SnapshotExtractedContext } from '../../src/points/points.js';
import { until } from '../helpers/until.js';
import { a, b, exists, extract, fill, isEmpty, POINT, POST, prepare, REF, serve } from './served.js';

test('the hook runs for layers that containerd extracted, and for no others', async (t) => {
  const contexts: SnapshotExtractedContext[] = [];
  const served = await serve(t, {
    [POINT]: (context) => (context.chainID === b.chainID ? fill(context) : declined),
    [POST]: (context) => {
      t.deepEqual(readdirSync(context.source), ['file']);
      contexts.push(context);
    },
  });
  await extract(served, a);
  const name = `ns/1/${a.chainID}`;
  await t.throwsAsync(prepare(served, b, name, { number: 2 }), exists);
  await served.containerd.prepare('other', '');
  await served.containerd.commit('no layer', 'other');
  await until('the hook is called', () => contexts.length > 0);
  await served.close();
  t.is(contexts.length, 1);
  t.like(contexts[0], {
    chainID: a.chainID,
    diffID: a.diffID,
    lowerChainIDs: [],
    key: name,
    parent: '',
    labels: { [REF]: a.chainID },
  });
  const names = (await served.store.list()).flatMap((content) => content.names.map((of) => of.name));
  t.deepEqual(names.sort(), [name, 'no layer', `ns/2/${b.chainID}`].sort());
});

test('a failing hook does not affect containerd', async (t) => {
  const seen: string[] = [];
  const served = await serve(t, {
    [POST]: ({ chainID }) => {
      seen.push(chainID);
      throw new Error('the share is full');
    },
  });
  await extract(served, a);
  const below = `ns/1/${a.chainID}`;
  await served.containerd.prepare(`ns/2/extract-1 b`, below, { labels: { [REF]: b.chainID } });
  await served.containerd.commit('ns/2/b', 'ns/2/extract-1 b', { labels: { [REF]: b.chainID } });
  await until('the hook is called twice', () => seen.length === 2);
  await served.close();
  t.deepEqual(seen, [a.chainID, b.chainID]);
});

test('a layer that is removed during its hook stays until the hook ends; closing the service stops the hook', async (t) => {
  let isTold = () => {};
  const told = new Promise<void>((resolve) => {
    isTold = resolve;
  });
  let source = '';
  const served = await serve(t, {
    [POST]: (context) => {
      source = context.source;
      isTold();
      return new Promise((_, reject) =>
        context.signal.addEventListener('abort', () => reject(context.signal.reason)),
      );
    },
  });
  await extract(served, a);
  await told;
  await served.containerd.remove(`ns/1/${a.chainID}`);
  await served.containerd.cleanup();
  t.deepEqual(readdirSync(source), ['file']);
  const seen: string[] = [];
  for await (const { name } of served.containerd.walk()) seen.push(name);
  t.deepEqual(seen, []);
  await served.close();
  await isEmpty(t, served);
});
