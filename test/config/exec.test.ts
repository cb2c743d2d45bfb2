import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createDispatcher } from '../../src/points/dispatch.js';
import type { Logger } from '../../src/system/logger.js';
import { isRunning } from '../helpers/at-work.js';
import { deltaContext, imageContext, layerContext } from '../helpers/contexts.js';
import { until } from '../helpers/until.js';
import { load, privateDir, script } from './helpers.js';

const skip = 'unpack.ociv1.layer.try-skip';
const assemble = 'unpack.ociv1.bundle.assemble';
const config = 'unpack.ociv1.bundle.config';
const delta = 'repack.ociv1.layer.delta-list';

/** A dispatcher with one exec hook, a shell script of this body; `more` are lines of its table. */
async function setup(t: ExecutionContext<unknown>, point: string, body: string, more = '') {
  const dir = privateDir(t);
  const program = script(dir, 'hook', body);
  const text = `[[hook]]\npoint = "${point}"\nexec = ["${program}", "one", "two words"]\n${more}\n`;
  const loaded = await load(dir, text);
  const logged: string[] = [];
  const at = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    if (fields?.point === undefined) logged.push(`${level} ${message} [${fields?.hook}]`);
  };
  const log: Logger = { debug() {}, info: at('info'), warn: at('warn'), error: at('error') };
  const abort = new AbortController();
  const dispatcher = createDispatcher(loaded?.sources ?? [], { log, signal: abort.signal });
  const strip = <T extends object>(context: T) => ({ ...context, log, signal: abort.signal });
  return { dir, program, dispatcher, logged, abort, strip };
}

/** In a program: a redirection of pids to a file that is there whole or not at all. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell
const writePids = '> ${0%/*}/new && mv ${0%/*}/new ${0%/*}/pids';

function readPids(dir: string): number[] {
  return readFileSync(join(dir, 'pids'), 'utf8').trim().split(/\s+/).map(Number);
}

test('a program gets arguments and the point, JSON on stdin, a minimal environment, cwd /', async (t) => {
  process.env.LAYERHOOK_TEST_SECRET = 'caller';
  const body = `d=$(dirname "$0"); printf '%s\\n' "$@" > $d/args; cat > $d/stdin; env > $d/env; pwd > $d/cwd
echo '{"skip": true}'`;
  const { dir, dispatcher, program, strip } = await setup(
    t,
    skip,
    body,
    'env = ["MINE=a b", "PATH=/usr/bin:/bin"]',
  );
  const context = layerContext('/r', 1);
  const outcome = await dispatcher.first(skip, strip(context));
  t.like(outcome, {
    handled: true,
    by: `hooks.toml:1 exec ${program}`,
    timeout: 300,
    result: { skip: true },
  });
  const read = (name: string) => readFileSync(join(dir, name), 'utf8');
  t.is(read('args'), `one\ntwo words\n${skip}\n`);
  t.is(read('cwd'), '/\n');
  const { signal: _s, log: _l, ...sent } = context;
  t.deepEqual(JSON.parse(read('stdin')), { point: skip, ...sent });
  const env = Object.fromEntries(
    read('env')
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s, 2)),
  );
  // the shell itself sets PWD and friends
  for (const own of ['PWD', 'OLDPWD', 'SHLVL', '_']) delete env[own];
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  t.deepEqual(env, {
    PATH: '/usr/bin:/bin',
    HOME: userInfo().homedir,
    LANG: 'C.UTF-8',
    LAYERHOOK_POINT: skip,
    LAYERHOOK_VERSION: version,
    MINE: 'a b',
  });
});

test('exit 77 declines, at each kind of point', async (t) => {
  const first = await setup(t, skip, 'echo nonsense; exit 77');
  t.deepEqual(await first.dispatcher.first(skip, first.strip(layerContext('/r'))), { handled: false });
  const stream = await setup(t, delta, 'exit 77');
  t.deepEqual(await stream.dispatcher.first(delta, stream.strip(deltaContext('/r'))), { handled: false });
  const chain = await setup(t, config, 'exit 77');
  const spec = { ociVersion: '1.2.0' };
  t.is(await chain.dispatcher.chain(config, { ...chain.strip(imageContext('/r')), spec }), spec);
});

test('any other end is a failure with the last line of stderr, and stderr is logged line by line', async (t) => {
  const { dispatcher, logged, program, strip } = await setup(
    t,
    skip,
    'echo first >&2; echo; echo "disk is sick" >&2; echo >&2; exit 3',
  );
  await t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), {
    code: 'HOOK_FAILED',
    message:
      /hooks\.toml:1 exec .* failed at unpack\.ociv1\.layer\.try-skip for layer sha256:a+: exit status 3: disk is sick$/,
  });
  const owner = `[hooks.toml:1 exec ${program}]`;
  t.deepEqual(logged, [`info first ${owner}`, `info disk is sick ${owner}`]);
  const killed = await setup(t, skip, 'kill -SEGV $$');
  await t.throwsAsync(killed.dispatcher.first(skip, killed.strip(layerContext('/r'))), {
    code: 'HOOK_FAILED',
    message: /killed by SIGSEGV/,
  });
});

test('garbage on stdout is HOOK_RESULT with the output', async (t) => {
  const bad = async (point: typeof skip | typeof assemble, body: string, message: RegExp) => {
    const { dispatcher, strip } = await setup(t, point, body);
    await t.throwsAsync(dispatcher.first(point as typeof skip, strip(layerContext('/r'))), {
      code: 'HOOK_RESULT',
      message,
    });
  };
  await bad(skip, 'echo hello', /stdout is no JSON: "hello\\n"/);
  await bad(skip, 'printf "\\377"', /stdout is no UTF-8/);
  await bad(skip, ':', /expected an object \{skip\}, got nothing/);
  await bad(skip, 'echo "{\\"skip\\":1}"', /skip: expected true or false, got 1/);
  await bad(assemble, 'echo mounted', /expected nothing on stdout, got "mounted\\n"; messages go to stderr/);
});

test('a chain hook gives the whole changed spec', async (t) => {
  const body = `sed 's/.*"spec"://; s/}$//; s/"box"/"changed"/'`;
  const { dispatcher, strip } = await setup(t, config, body);
  const spec = { ociVersion: '1.2.0', hostname: 'box' };
  t.deepEqual(await dispatcher.chain(config, { ...strip(imageContext('/r')), spec }), {
    ociVersion: '1.2.0',
    hostname: 'changed',
  });
});

test('a hook that does not read a large input does no harm', async (t) => {
  const { dispatcher, strip } = await setup(t, skip, `echo '{"skip":false}'`);
  const context = { ...layerContext('/r'), reference: 'x'.repeat(4 * 1024 * 1024) };
  t.like(await dispatcher.first(skip, strip(context)), { handled: true });
});

test('a timeout kills the program and its children', async (t) => {
  const body = `(trap '' TERM; while :; do sleep 0.1; done) & deaf=$!; sleep 600 & echo $$ $deaf $! ${writePids}; wait`;
  const { dir, dispatcher, strip } = await setup(t, skip, body, 'timeout = 3');
  await t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), {
    code: 'HOOK_TIMEOUT',
    message: /did not finish within 3 s/,
  });
  const pids = readPids(dir);
  t.is(pids.length, 3);
  await until('all processes are killed', () => !pids.some(isRunning));
  t.pass();
});

test('a program that ignores SIGTERM is killed', async (t) => {
  const body = `trap '' TERM; echo $$ ${writePids}; while :; do sleep 0.1; done`;
  const { dir, dispatcher, strip } = await setup(t, skip, body, 'timeout = 3');
  await t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), { code: 'HOOK_TIMEOUT' });
  t.false(readPids(dir).some(isRunning));
});

test('an abort kills the program', async (t) => {
  const { dir, abort, dispatcher, strip } = await setup(t, skip, `echo $$ ${writePids}; exec sleep 600`);
  const called = t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), { code: 'ABORTED' });
  await until('the program runs', () => existsSync(join(dir, 'pids')));
  abort.abort();
  await called;
  t.false(readPids(dir).some(isRunning));
});

test('a child left behind that holds stdout does not hang us', async (t) => {
  const body = `echo '{"skip":true}'; sleep 600 & echo $! ${writePids}; exit 0`;
  const { dir, dispatcher, logged, strip } = await setup(t, skip, body);
  t.like(await dispatcher.first(skip, strip(layerContext('/r'))), { handled: true, result: { skip: true } });
  const [child] = readPids(dir);
  t.true(isRunning(child!), 'the call did not wait for its end');
  process.kill(child!);
  t.regex(logged.join(), /left processes behind/);
});

test('stdout is capped', async (t) => {
  const { dispatcher, strip } = await setup(t, skip, 'cat /dev/zero');
  await t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), {
    code: 'HOOK_RESULT',
    message: /more than 1048576 bytes/,
  });
});

test('a delta of 3 MiB passes, under the on-failure of the hook', async (t) => {
  const rootfs = privateDir(t);
  const body =
    'i=0; awk \'BEGIN { for (i = 0; i < 60000; i++) printf "some/rather/long/directory/name/file-%d\\n", i }\'';
  const { dispatcher, strip } = await setup(t, delta, body);
  const outcome = await dispatcher.first(delta, strip(deltaContext(rootfs)));
  t.true(outcome.handled && outcome.result.length === 60000);
  t.deepEqual(outcome.handled && outcome.result[7], {
    path: 'some/rather/long/directory/name/file-7',
    kind: 'delete',
  });
  const failing = await setup(t, delta, 'echo ../x', 'on-failure = "mtree"');
  t.like(await failing.dispatcher.first(delta, failing.strip(deltaContext(rootfs))), {
    handled: false,
    fallback: 'mtree',
    error: { code: 'HOOK_RESULT' },
  });
});

test('a program that cannot be started is HOOK_MISSING', async (t) => {
  const { dispatcher, program, strip } = await setup(t, skip, '');
  const { rmSync, writeFileSync, chmodSync } = await import('node:fs');
  rmSync(program);
  await t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), {
    code: 'HOOK_MISSING',
    message: /ENOENT/,
  });
  writeFileSync(program, '#!/no/such/interpreter\n');
  chmodSync(program, 0o755);
  await t.throwsAsync(dispatcher.first(skip, strip(layerContext('/r'))), { code: 'HOOK_MISSING' });
});
