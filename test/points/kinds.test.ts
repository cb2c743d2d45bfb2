import test from 'ava';
import { appliedNothing } from '../../src/points/contexts.js';
import { createDispatcher } from '../../src/points/dispatch.js';
import { declined, type Hooks } from '../../src/points/points.js';
import { silentLogger } from '../../src/system/logger.js';
import { imageContext, layerContext } from '../helpers/contexts.js';

const skip = 'unpack.ociv1.layer.try-skip';
const post = 'unpack.ociv1.layer.post-extract';
const config = 'unpack.ociv1.bundle.config';
const scope = { log: silentLogger, signal: new AbortController().signal };

function dispatcherOf(...hooks: Hooks[]) {
  return createDispatcher(
    hooks.map((each, i) => ({ owner: `owner ${i}`, hooks: each })),
    scope,
  );
}

function postContext() {
  return {
    ...layerContext('/srv/bundle/rootfs'),
    target: '/srv/bundle/rootfs',
    into: 'rootfs' as const,
    whiteouts: null,
    applied: appliedNothing(layerContext('/srv/bundle/rootfs')),
    entries: null,
    writeMtree: async () => ({ size: 0, inodes: 0 }),
    extractAgain: async () => appliedNothing(layerContext('/srv/bundle/rootfs')),
  };
}

test('first: asks in order, stops at the first that handles it', async (t) => {
  const asked: number[] = [];
  const answer = <T>(who: number, result: T): T => {
    asked.push(who);
    return result;
  };
  const dispatcher = dispatcherOf(
    { [skip]: () => answer(0, declined) },
    { [skip]: async () => answer(1, { skip: true }) },
    { [skip]: () => answer(2, { skip: false }) },
  );
  const outcome = await dispatcher.first(skip, layerContext('/r'));
  t.deepEqual(outcome, { handled: true, by: 'owner 1', timeout: 0, result: { skip: true } });
  t.deepEqual(asked, [0, 1]);
});

test('first: no hook is registered, or all decline', async (t) => {
  t.deepEqual(await dispatcherOf().first(skip, layerContext('/r')), { handled: false });
  const declining = dispatcherOf({ [skip]: () => declined }, { [skip]: () => declined });
  t.deepEqual(await declining.first(skip, layerContext('/r')), { handled: false });
});

test('first without a result: returning is handling', async (t) => {
  const dispatcher = dispatcherOf({ 'unpack.ociv1.bundle.assemble': () => {} });
  t.deepEqual(await dispatcher.first('unpack.ociv1.bundle.assemble', imageContext('/r')), {
    handled: true,
    by: 'owner 0',
    timeout: 0,
    result: undefined,
  });
});

test('every: calls all in order, one after the other', async (t) => {
  const called: string[] = [];
  const hook = (name: string): Hooks => ({
    [post]: async () => {
      called.push(`${name} starts`);
      await new Promise((resolve) => setImmediate(resolve));
      called.push(`${name} ends`);
    },
  });
  await dispatcherOf(hook('a'), { [post]: () => declined }, hook('b')).every(post, postContext());
  t.deepEqual(called, ['a starts', 'a ends', 'b starts', 'b ends']);
});

test('chain: each gets the value of the one before; one that declines leaves no trace', async (t) => {
  const spec = { ociVersion: '1.2.0', hostname: 'start' };
  const dispatcher = dispatcherOf(
    { [config]: ({ spec }) => ({ ...spec, hostname: `${spec.hostname} a` }) },
    {
      [config]: (context) => {
        context.spec.hostname = 'spoiled';
        return declined;
      },
    },
    { [config]: async ({ spec }) => ({ ...spec, hostname: `${spec.hostname} b` }) },
  );
  const changed = await dispatcher.chain(config, { ...imageContext('/r'), spec });
  t.deepEqual(changed, { ociVersion: '1.2.0', hostname: 'start a b' });
  t.deepEqual(spec, { ociVersion: '1.2.0', hostname: 'start' });
  t.is(await dispatcherOf().chain(config, { ...imageContext('/r'), spec }), spec);
});

test('handles and describe give the registered hooks', (t) => {
  const dispatcher = createDispatcher(
    [
      { owner: 'hooks.toml:3 exec /bin/x', hooks: { [post]: () => {} }, onFailure: 'continue', timeout: 9 },
      { owner: 'driver copy', hooks: { [post]: () => {} } },
    ],
    scope,
  );
  t.true(dispatcher.handles(post));
  t.false(dispatcher.handles(skip));
  t.deepEqual(dispatcher.describe().find(({ point }) => point === post)?.handlers, [
    { owner: 'hooks.toml:3 exec /bin/x', onFailure: 'continue', timeout: 9 },
    { owner: 'driver copy', onFailure: 'abort', timeout: 0 },
  ]);
});

test('an unknown point, a hook other than a function and an unsupported policy are errors', (t) => {
  const make = (hooks: object, onFailure?: 'continue' | 'mtree') => () =>
    createDispatcher([{ owner: 'mine', hooks: hooks as Hooks, ...(onFailure && { onFailure }) }], scope);
  t.throws(make({ 'unpack.ociv1.layer.tryskip': () => {} }), {
    code: 'HOOK_UNKNOWN_POINT',
    message: /tryskip/,
  });
  t.throws(make({ [post]: 'x' }), { code: 'HOOK_INVALID', message: /mine.*post-extract/ });
  t.throws(make({ [skip]: () => declined }, 'continue'), { code: 'HOOK_INVALID', message: /continue/ });
  t.throws(make({ [post]: () => {} }, 'mtree'), { code: 'HOOK_INVALID' });
});
