/** Hooks that put layers into the store when a containerd wants them. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { declined, type Hook, type SnapshotSkipContext } from '../../src/points/points.js';
import type { LayerIdentity } from '../../src/store/types.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';
import { nothingBelow } from '../store/helpers.js';
import {
  a,
  b,
  exists,
  fill,
  found,
  isEmpty,
  POINT,
  prepare,
  REF,
  type Served,
  serve,
  write,
} from './served.js';

test('a layer from a hook is found, on top of those below', async (t) => {
  const contexts: SnapshotSkipContext[] = [];
  const served = await serve(t, (context) => {
    contexts.push(context);
    t.deepEqual(readdirSync(context.target), []);
    if (contexts.length === 2) t.is(lstatSync(context.target).mode & 0o7777, 0o711, 'as the root below');
    if (contexts.length === 1) chmodSync(context.target, 0o711);
    return fill(context);
  });
  const labels = { 'containerd.io/snapshot/cri.layer-digest': 'sha256:x' };
  await t.throwsAsync(prepare(served, a, '', { labels }), exists);
  const [below, ...others] = await found(served, a);
  t.deepEqual([below!.name, below!.kind, others.length], [`ns/1/${a.chainID}`, 'committed', 0]);
  await t.throwsAsync(prepare(served, b, below!.name, { number: 2 }), exists);
  const [above] = await found(served, b, below!.name);
  t.is(above!.name, `ns/2/${b.chainID}`);
  const [view] = await served.containerd.view('view', above!.name);
  const lowerdirs = view!.options
    .find((option) => option.startsWith('lowerdir='))!
    .slice(9)
    .split(':');
  t.deepEqual(
    lowerdirs.map((path) => readFileSync(join(path, 'file'), 'utf8')),
    [b.chainID, a.chainID],
  );
  t.deepEqual(
    contexts.map(({ target }) => target),
    lowerdirs.toReversed(),
  );
  t.true((await served.containerd.usage(above!.name)).size > 0);
  const { signal, log, ...first } = contexts[0]!;
  // without the symbol under which the operation keeps its slots
  t.deepEqual(Object.fromEntries(Object.entries(first)), {
    chainID: a.chainID as SnapshotSkipContext['chainID'],
    diffID: a.diffID as SnapshotSkipContext['diffID'],
    lowerChainIDs: [],
    client: 'containerd',
    key: `ns/1/extract-1 ${a.chainID}`,
    parent: '',
    labels: { [REF]: a.chainID, ...labels },
    lowerdirs: [],
    target: lowerdirs[1]!,
    overlayXattr: first.overlayXattr,
  });
  t.like(contexts[1], {
    diffID: null,
    lowerChainIDs: [a.chainID],
    parent: below!.name,
    lowerdirs: [lowerdirs[1]],
  });
});

test('other clients find a layer from a hook, and its last name removes it', async (t) => {
  const served = await serve(t, fill);
  await t.throwsAsync(prepare(served, a), exists);
  t.true(await served.store.find(a, '', nothingBelow));
  await served.containerd.remove(`ns/1/${a.chainID}`);
  t.is((await served.store.list()).length, 1);
  await served.store.remove(a.chainID);
  await isEmpty(t, served);
});

test('a layer from a hook replaces a broken one, also one that others use', async (t) => {
  const served = await serve(t, fill);
  const extraction = await served.store.extract(a, '', { signal: new AbortController().signal });
  await extraction!.commit({ parent: '', dependencies: [] });
  await served.store.prepare('bundle', a.chainID);
  rmSync(join(extraction!.target, '..'), { recursive: true });
  t.is((await served.store.untrustedSnapshots()).length, 1);
  await t.throwsAsync(prepare(served, a), exists);
  t.deepEqual(await served.store.untrustedSnapshots(), []);
  const [below] = await served.store.lowerdirs(a.chainID);
  t.deepEqual(readdirSync(below!), ['file']);
});

test('hooks are not called on top of a broken layer', async (t) => {
  const served = await serve(t, (context) => {
    t.is(context.chainID as string, a.chainID);
    return fill(context);
  });
  await t.throwsAsync(prepare(served, a), exists);
  const name = `ns/1/${a.chainID}`;
  const [view] = await served.containerd.view('view', name);
  rmSync(join(view!.source, '..'), { recursive: true });
  const message = /cannot be used: its directory is missing/;
  await t.throwsAsync(prepare(served, b, name, { number: 2 }), { message });
});

test('a layer that a hook declines or does not skip is extracted by containerd', async (t) => {
  for (const result of [declined, { skip: false }] as const) {
    const served = await serve(t, ({ target }) => {
      writeFileSync(join(target, 'half'), 'x');
      return result;
    });
    const [mount] = await prepare(served, a);
    t.deepEqual(readdirSync(mount!.source), []);
    await served.containerd.commit('ns/2/a', `ns/1/extract-1 ${a.chainID}`, { labels: { [REF]: a.chainID } });
    t.is((await served.store.list()).length, 1);
    await served.containerd.remove('ns/2/a');
    await isEmpty(t, served);
  }
});

test('hooks are not called for existing layers, for other snapshots, and with mapped owners', async (t) => {
  const served = await serve(t, () => t.fail() as never);
  await served.containerd.prepare('container', '');
  await served.containerd.prepare('odd', '', { labels: { [REF]: 'no digest' } });
  await prepare(served, a, '', { labels: { 'containerd.io/snapshot/uidmapping': '0:0:10' } });
  const extraction = await served.store.extract(b, '', { signal: new AbortController().signal });
  await extraction!.commit({ parent: '', dependencies: [] });
  await t.throwsAsync(prepare(served, b, '', { number: 2 }), exists);
});

test('a hook that fails ends the prepare; with on-failure "continue" the next begins with an empty directory', async (t) => {
  const failing: Hook<typeof POINT> = ({ target }) => {
    writeFileSync(join(target, 'half'), 'x');
    chmodSync(target, 0o700);
    throw new Error('the share is not there');
  };
  const served = await serve(t, failing);
  const message =
    /hook tests failed at snapshot.*try-skip for layer sha256:[0-9a-f]+: the share is not there/;
  await t.throwsAsync(prepare(served, a), { message });
  await isEmpty(t, served);

  const hooks = { [POINT]: failing };
  const patient = await serve(t, [
    { owner: 'one', hooks, onFailure: 'continue' },
    { owner: 'two', hooks: { [POINT]: fill } },
  ]);
  await t.throwsAsync(prepare(patient, a), exists);
  const [{ name } = { name: '' }] = await found(patient, a);
  const [view] = await patient.containerd.view('view', name);
  t.deepEqual(readdirSync(view!.source), ['file']);
  t.is(lstatSync(view!.source).mode & 0o7777, 0o755);

  const alone = await serve(t, [{ owner: 'one', hooks, onFailure: 'continue' }]);
  const [mount] = await prepare(alone, a);
  t.deepEqual(readdirSync(mount!.source), []);
});

test('a hook with an invalid result, or that takes too long, has failed', async (t) => {
  const bad = await serve(t, () => ({ skip: 'yes' }) as never);
  await t.throwsAsync(prepare(bad, a), {
    message: /invalid result.*skip: expected true or false, got "yes"/,
  });
  await isEmpty(t, bad);
  let aborted = false;
  const slow: Hook<typeof POINT> = ({ signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        aborted = true;
        reject(signal.reason);
      }),
    );
  const late = await serve(t, [{ owner: 'slow', hooks: { [POINT]: slow }, timeout: 0.1 }]);
  await t.throwsAsync(prepare(late, a), { message: /hook slow did not finish within 0.1 s/ });
  t.true(aborted);
  await isEmpty(t, late);
});

test('a malformed layer of a hook is refused, and nothing outside is touched', async (t) => {
  const outside = tmpdir(t);
  writeFileSync(join(outside, 'precious'), 'x');
  const isNone = /it is not a directory/;
  const bad: [what: string, spoil: (target: string) => void, reason: RegExp][] = [
    ['gone', () => {}, isNone],
    ['a symlink', (target) => symlinkSync(outside, target), isNone],
    ['a file', (target) => writeFileSync(target, ''), isNone],
    ['as in a tar', (target) => write(target, '.wh.x'), /\.wh\.x is a whiteout in the form of tars/],
  ];
  for (const [what, spoil, reason] of bad) {
    const served = await serve(t, ({ target }) => {
      rmSync(target, { recursive: true });
      spoil(target);
      return { skip: true };
    });
    await t.throwsAsync(prepare(served, a), { message: reason }, what);
    await isEmpty(t, served);
  }
  t.deepEqual(readdirSync(outside), ['precious']);
});

rootTest('a mount that a hook leaves is unmounted, and the mounted files stay', async (t) => {
  const outside = tmpdir(t);
  writeFileSync(join(outside, 'precious'), 'x');
  for (const skip of [true, false]) {
    const served = await serve(t, ({ target }) => {
      mkdirSync(join(target, 'below'));
      execFileSync('mount', ['--bind', outside, join(target, 'below')]);
      execFileSync('mount', ['--bind', outside, target]);
      return { skip };
    });
    if (skip) await t.throwsAsync(prepare(served, a), { message: /is mounted in it/ });
    else {
      await prepare(served, a);
      await served.containerd.remove(`ns/1/extract-1 ${a.chainID}`);
    }
    await isEmpty(t, served);
    t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(served.root));
  }
  t.deepEqual(readdirSync(outside), ['precious']);
});

test('prepares of one layer at the same time ask once', async (t) => {
  let asked = 0;
  const served = await serve(t, async (context) => {
    asked += 1;
    await delay(300);
    return fill(context);
  });
  const all = [1, 2, 3].map((number) => t.throwsAsync(prepare(served, a, '', { number }), exists));
  await Promise.all(all);
  t.is(asked, 1);
  t.is((await served.store.list()).length, 1);
});

test('during a hook, containerd does not see the new layer, and cleanup and gc keep it', async (t) => {
  const seen: string[] = [];
  const served: Served = await serve(t, async (context) => {
    for await (const { name } of served.containerd.walk()) seen.push(name);
    await served.containerd.cleanup();
    await served.store.gc();
    await served.store.cleanup();
    t.true(existsSync(context.target));
    return fill(context);
  });
  await t.throwsAsync(prepare(served, a), exists);
  t.deepEqual(seen, []);
});

test('a call that is cancelled, or a service that ends, stops the hook and leaves nothing', async (t) => {
  for (const end of ['cancel', 'close'] as const) {
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const served = await serve(t, ({ target, signal }) => {
      writeFileSync(join(target, 'half'), 'x');
      asked();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const stop = new AbortController();
    const call = t.throwsAsync(prepare(served, a, '', { signal: stop.signal }), { code: 'ABORTED' });
    await isAsked;
    if (end === 'cancel') stop.abort();
    else await served.close();
    await call;
    await until('the store is empty', async () => (await served.store.list()).length === 0);
    await isEmpty(t, served);
  }
});

test('parallel unpack: a layer from a hook is staged, and gets its parent at commit', async (t) => {
  const contexts: SnapshotSkipContext[] = [];
  const hook: Hook<typeof POINT> = (context) => {
    contexts.push(context);
    return fill(context);
  };
  const served = await serve(t, hook, { parallelUnpack: true, stagedLayers: true });
  const labels = {
    'containerd.io/snapshot/diff-id': b.diffID,
    'containerd.io/snapshot/parent-chain-id': a.chainID,
  };
  const [mount] = await prepare(served, b, '', { labels });
  t.true(mount!.options.includes('ro'));
  t.deepEqual(readdirSync(mount!.source), ['file']);
  await prepare(served, a, '', { number: 2, labels: { 'containerd.io/snapshot/diff-id': a.diffID } });
  const key = ({ chainID }: LayerIdentity, number: number) => `ns/${number}/extract-1 ${chainID}`;
  await served.containerd.commit('ns/3/a', key(a, 2), { labels: { [REF]: a.chainID } });
  await served.containerd.commit('ns/4/b', key(b, 1), { labels: { [REF]: b.chainID }, parent: 'ns/3/a' });
  t.is((await served.containerd.stat('ns/4/b')).parent, 'ns/3/a');
  t.like(contexts[0], { diffID: b.diffID, lowerChainIDs: null, lowerdirs: [], parent: '' });
  t.like(contexts[1], { diffID: a.diffID, lowerChainIDs: [] });
});

test('a diffID that does not make the chainID is not believed', async (t) => {
  const contexts: SnapshotSkipContext[] = [];
  const ask: Hook<typeof POINT> = (context) => {
    contexts.push(context);
    return declined;
  };
  const label = (diffID: string) => ({ 'containerd.io/snapshot/diff-id': diffID });
  const sequential = await serve(t, ask);
  await prepare(sequential, a, '', { labels: label(b.diffID) });
  await sequential.containerd.commit('ns/2/a', `ns/1/extract-1 ${a.chainID}`, {
    labels: { [REF]: a.chainID },
  });
  await prepare(sequential, b, 'ns/2/a', { number: 3, labels: label(a.diffID) });
  await prepare(sequential, b, 'ns/2/a', { number: 4, labels: label(b.diffID) });
  const parallel = await serve(t, ask, { parallelUnpack: true, stagedLayers: true });
  await prepare(parallel, b, '', { labels: label(b.diffID) });
  t.deepEqual(
    contexts.map(({ diffID }) => diffID as string | null),
    [a.diffID, null, b.diffID, null],
  );
});

test('parallel unpack without staged layers: hooks are called only for a layer known to be the lowest', async (t) => {
  const asked: string[] = [];
  const hook: Hook<typeof POINT> = (context) => {
    asked.push(context.chainID);
    return fill(context);
  };
  const served = await serve(t, hook, { parallelUnpack: true });
  const label = (diffID: string) => ({ 'containerd.io/snapshot/diff-id': diffID });
  await prepare(served, b, '', { labels: label(b.diffID) });
  await prepare(served, a, '', { number: 2 });
  t.deepEqual(asked, []);
  await t.throwsAsync(prepare(served, a, '', { number: 3, labels: label(a.diffID) }), exists);
  t.deepEqual(asked, [a.chainID]);
  const committed = (await found(served, a)).filter(({ kind }) => kind === 'committed');
  t.deepEqual(
    committed.map(({ name }) => name),
    [`ns/3/${a.chainID}`],
  );
});
