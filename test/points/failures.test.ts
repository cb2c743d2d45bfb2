import test, { type ExecutionContext } from 'ava';
import { LayerhookError } from '../../src/errors/index.js';
import { createDispatcher, type HookSource } from '../../src/points/dispatch.js';
import type { Hook, Hooks, OnFailure, PointName } from '../../src/points/points.js';
import type { Logger } from '../../src/system/logger.js';
import { deltaContext, imageContext, layerContext } from '../helpers/contexts.js';

const skip = 'unpack.ociv1.layer.try-skip';
const pre = 'unpack.ociv1.layer.pre-extract';
const remove = 'bundle.ociv1.remove';
const config = 'unpack.ociv1.bundle.config';
const delta = 'repack.ociv1.layer.delta-list';

function setup(hooks: Hooks, more: Partial<HookSource> = {}) {
  const warnings: string[] = [];
  const log: Logger = { debug() {}, info() {}, warn: (message) => warnings.push(message), error() {} };
  const abort = new AbortController();
  const dispatcher = createDispatcher([{ owner: 'mine', hooks, ...more }], { log, signal: abort.signal });
  return { dispatcher, warnings, abort };
}

/** A context without signal and log: the dispatcher's own are used. */
function layer() {
  const { signal: _signal, log: _log, ...context } = layerContext('/r');
  return context;
}

const boom = () => {
  throw new Error('boom');
};

test('a failure names hook, point, layer and reason, and keeps the cause', async (t) => {
  for (const hook of [boom, async () => boom()]) {
    const error = await t.throwsAsync(setup({ [skip]: hook }).dispatcher.first(skip, layer()), {
      instanceOf: LayerhookError,
      code: 'HOOK_FAILED',
    });
    t.is(error?.message, `hook mine failed at ${skip} for layer sha256:${'a'.repeat(64)}: boom`);
    t.like(error?.cause, { message: 'boom' });
  }
});

test("a driver's own errors are the operation's; others of it are not", async (t) => {
  const own = new LayerhookError('NO_SPACE', { path: '/store' });
  const fail = () => {
    throw own;
  };
  const asDriver = { ownErrors: true };
  t.is(await t.throwsAsync(setup({ [skip]: fail }, asDriver).dispatcher.first(skip, layer())), own);
  t.is((await t.throwsAsync(setup({ [skip]: fail }).dispatcher.first(skip, layer())))?.cause, own);
  await t.throwsAsync(setup({ [skip]: boom }, asDriver).dispatcher.first(skip, layer()), {
    code: 'HOOK_FAILED',
  });
});

/** Calls a hook that returns `result`, and expects the error that says what was wrong. */
async function refuses(
  t: ExecutionContext,
  point: PointName,
  result: unknown,
  reason: RegExp,
): Promise<void> {
  const { dispatcher } = setup({ [point]: (() => result) as Hook<never> });
  const call = point === config ? dispatcher.chain(config, { ...imageContext('/r'), spec: {} }) : undefined;
  await t.throwsAsync(call ?? dispatcher.first(point as typeof skip, layer()), {
    code: 'HOOK_RESULT',
    message: reason,
  });
}

test('a result that the point does not take is an error that says what was expected', async (t) => {
  await refuses(t, skip, undefined, /hook mine .* expected an object \{skip\}, got nothing/);
  await refuses(t, skip, { skip: 'yes' }, /skip: expected true or false, got "yes"/);
  await refuses(t, skip, { skip: true, extra: 1 }, /unknown key extra/);
  await refuses(t, skip, [], /expected an object \{skip\}/);
  await refuses(t, skip, {}, /skip: expected true or false, got nothing/);
  await refuses(t, 'unpack.ociv1.bundle.assemble', true, /expected nothing, got true/);
  await refuses(t, config, undefined, /expected the whole spec.*got nothing/);
  await refuses(t, config, { hostname: 'x' }, /ociVersion/);
  await refuses(t, delta, 'etc/passwd', /expected an iterable/);
});

const directory = { into: 'directory', target: '/t', whiteouts: 'overlay' };
const tar = { into: 'tar', target: '/t' };
const command = { into: 'command', argv: ['cat'] };

/** Results of pre-extract, with the errors that they lead to. */
const badForms: [result: unknown, reason: RegExp][] = [
  ...[undefined, [], {}, { target: '/t' }, { into: 'zip' }, { into: 'toString' }].map(
    (result): [unknown, RegExp] => [
      result,
      /expected an object with into: "rootfs" or "directory" or "tar" or "command", got /,
    ],
  ),
  [{ into: 'rootfs', target: 'tree' }, /into: "rootfs": target: expected an absolute path, got "tree"/],
  [{ into: 'rootfs', target: '/a/../b' }, /target: expected an absolute path/],
  [{ into: 'rootfs', whiteouts: 'overlay' }, /into: "rootfs": unknown key whiteouts/],
  [{ into: 'rootfs', mtree: true }, /into: "rootfs": unknown key mtree/],
  [{ ...directory, whiteouts: 'oci' }, /whiteouts: expected "overlay": .*, got "oci"/],
  [{ ...directory, whiteouts: undefined }, /into: "directory": whiteouts: expected .*, got nothing/],
  [{ ...directory, target: undefined }, /into: "directory": target: expected an absolute path, got nothing/],
  [{ ...directory, format: 'overlay' }, /into: "directory": unknown key format/],
  [{ into: 'tar' }, /into: "tar": target: expected an absolute path, got nothing/],
  [
    { ...tar, whiteouts: 'overlay' },
    /into: "tar": unknown key whiteouts: expected an object {target, offset\?, onEntries\?, timeout\?}/,
  ],
  [{ ...tar, argv: ['cat'] }, /into: "tar": unknown key argv/],
  [{ ...tar, onEntries: 'f' }, /into: "tar": onEntries: expected a function; .*, got "f"/],
  [{ ...tar, timeout: -1 }, /into: "tar": timeout: expected a whole number, 0 or more, got -1/],
  ...[undefined, 'cat', [], [''], ['cat', 5], ['a\0b']].map((argv): [unknown, RegExp] => [
    { into: 'command', argv },
    /into: "command": argv: expected a list: a program and its arguments, got/,
  ]),
  [{ ...command, mtree: true }, /into: "command": unknown key mtree/],
  [{ ...command, target: 'x' }, /into: "command": target: expected an absolute path/],
];

test('a result of pre-extract that has no form of its own is an error that says what was expected', async (t) => {
  for (const [result, reason] of badForms) await refuses(t, pre, result, reason);
});

test('a good pre-extract result passes unchanged', async (t) => {
  const result = { into: 'directory', target: '/store/1', whiteouts: 'overlay' } as const;
  const outcome = await setup({ [pre]: () => result }).dispatcher.first(pre, layer());
  t.deepEqual(outcome, { handled: true, by: 'mine', timeout: 0, result });
});

test('on-failure = continue at a point of kind first: the failure counts as declined, and each has its own context', async (t) => {
  const point = 'snapshot.ociv1.layer.try-skip';
  const asked: string[] = [];
  const hook = (result: Hook<typeof point>) => ({ [point]: result });
  const ask = (onFailure: OnFailure) => {
    const warnings: string[] = [];
    const log: Logger = { debug() {}, info() {}, warn: (message) => warnings.push(message), error() {} };
    const sources: HookSource[] = [
      { owner: 'one', hooks: hook(boom), onFailure },
      { owner: 'two', hooks: hook(() => ({ skip: true })), onFailure },
      { owner: 'three', hooks: hook(() => ({ skip: false })), onFailure },
    ];
    const { signal } = new AbortController();
    const context = async () => {
      asked.push('context');
      return { chainID: 'sha256:x' } as never;
    };
    const check = async ({ skip: isSkipped }: { skip: boolean }) => {
      if (isSkipped) throw new Error('nothing is there');
    };
    return { warnings, outcome: createDispatcher(sources, { log, signal }).first(point, context, check) };
  };
  const { warnings, outcome } = ask('continue');
  t.deepEqual(await outcome, { handled: true, by: 'three', timeout: 0, result: { skip: false } });
  t.is(asked.length, 3);
  t.regex(warnings[0]!, /^hook one failed at .* for layer sha256:x: boom; going on as if it had declined$/);
  t.regex(warnings[1]!, /^hook two failed at .*: nothing is there; going on/);
  await t.throwsAsync(ask('abort').outcome, { code: 'HOOK_FAILED', message: /hook one failed/ });
});

test('on-failure = continue: the failure is logged and the next hook runs', async (t) => {
  const { signal: _s, log: _l, bundle, rootfs, map } = imageContext('/r');
  const failing = setup({ [remove]: boom }, { onFailure: 'continue' });
  await failing.dispatcher.every(remove, { bundle, rootfs, map });
  t.is(failing.warnings.length, 1);
  t.regex(failing.warnings[0] as string, /mine failed at bundle\.ociv1\.remove: boom; going on/);
  await t.throwsAsync(setup({ [remove]: boom }).dispatcher.every(remove, { bundle, rootfs, map }), {
    code: 'HOOK_FAILED',
  });
});

test('on-failure = mtree: delta-list is not handled, with the failure', async (t) => {
  const { signal: _s, log: _l, ...context } = deltaContext('/r');
  const hook = async function* () {
    yield { path: 'a', kind: 'add' as const };
    boom();
  };
  const { dispatcher, warnings } = setup({ [delta]: hook }, { onFailure: 'mtree' });
  const outcome = await dispatcher.first(delta, context);
  t.like(outcome, { handled: false, fallback: 'mtree', error: { code: 'HOOK_FAILED' } });
  t.regex(warnings[0] as string, /falling back to the mtree manifest/);
  await t.throwsAsync(setup({ [delta]: hook }).dispatcher.first(delta, context), { code: 'HOOK_FAILED' });
});

test('a hook that never settles ends at its timeout, and sees its signal aborted', async (t) => {
  let seen: AbortSignal | undefined;
  const hook: Hook<typeof skip> = (context) => {
    seen = context.signal;
    return new Promise(() => {});
  };
  const { dispatcher } = setup({ [skip]: hook }, { timeout: 0.05 });
  await t.throwsAsync(dispatcher.first(skip, layer()), {
    code: 'HOOK_TIMEOUT',
    message: /mine did not finish within 0.05 s at .*try-skip for layer/,
  });
  t.true(seen?.aborted);
});

test('an abort ends a pending hook, also one that takes no notice, and on-failure does not hide it', async (t) => {
  const heeding: Hook<typeof remove> = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
  const deaf: Hook<typeof remove> = () => new Promise(() => {});
  const { bundle, rootfs, map } = imageContext('/r');
  for (const hook of [heeding, deaf]) {
    const { dispatcher, abort } = setup({ [remove]: hook }, { onFailure: 'continue' });
    setTimeout(() => abort.abort(), 20);
    await t.throwsAsync(dispatcher.every(remove, { bundle, rootfs, map }), { code: 'ABORTED' });
    await t.throwsAsync(dispatcher.every(remove, { bundle, rootfs, map }), { code: 'ABORTED' });
  }
});
