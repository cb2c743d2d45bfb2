/**
 * Files that a container, a user or an engine controls and that hooks, the runtime wrapper and ctk read: too large, endless, of
 * another type, or odd in form. Each is refused with one line; the runtime gets no half-made config.json.
 */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { planConfigure } from '../../src/ctk/configure.js';
import { engines } from '../../src/ctk/engines.js';
import type { EngineName } from '../../src/ctk/types.js';
import { layerhook, refused, run } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runHook } from '../hooks/archive/setup.js';
import { launcher, setUp } from '../hooks/wrapper.js';

const GiB = 2 ** 30;

/** Puts something in the place of a file that readers expect to be small and regular. */
const forms: Record<string, (file: string) => void> = {
  '3 GiB': (file) => {
    writeFileSync(file, '');
    truncateSync(file, 3 * GiB);
  },
  '/dev/zero': (file) => symlinkSync('/dev/zero', file),
  'a FIFO': (file) => void execFileSync('mkfifo', [file]),
  'a directory': (file) => mkdirSync(file),
  '/proc/kmsg': (file) => symlinkSync('/proc/kmsg', file),
  'a loop of symlinks': (file) => symlinkSync(file, file),
};

function putting(name: string, file: string): void {
  rmSync(file, { recursive: true, force: true });
  forms[name]!(file);
}

for (const name of Object.keys(forms)) {
  test(`config.json is ${name}: the runtime wrapper starts no container`, async (t) => {
    const { bundle, configFile, flags } = setUp(t);
    putting(name, configFile);
    const { status, stdout, stderr } = await run(launcher, [
      ...flags('echo'),
      ...['create', '--bundle', bundle, 'id'],
    ]);
    t.is(status, 1);
    t.is(stdout, '');
    t.regex(stderr, /^[^\n]*config\.json[^\n]*\n$/);
    t.deepEqual(readdirSync(bundle), ['config.json']);
  });

  // a directory is one of files with conditions
  if (name !== 'a directory')
    test(`the file of hooks is ${name}: the runtime wrapper starts no container`, async (t) => {
      const { bundle, configFile, hooksFile, flags } = setUp(t);
      const before = readFileSync(configFile);
      putting(name, hooksFile);
      const args = [...flags('echo'), 'create', '--bundle', bundle, 'id'];
      const { status, stdout, stderr } = await run(launcher, args);
      t.is(status, 1);
      t.is(stdout, '');
      t.regex(stderr, /^[^\n]*hooks\.json[^\n]*\n$/);
      t.deepEqual(readFileSync(configFile), before);
    });

  test(`config.json is ${name}: archive_overlay makes no archive`, (t) => {
    const bundle = tmpdir(t);
    putting(name, join(bundle, 'config.json'));
    const state = JSON.stringify({ ociVersion: '1.0.2', id: 'box', status: 'stopped', bundle });
    const { status, log } = runHook(['--state-dir', join(tmpdir(t), 'state')], state);
    t.is(status, 1);
    t.regex(log, /level=error .*config\.json/);
    t.notRegex(log, /internal error/);
  });

  for (const engine of Object.keys(engines) as EngineName[])
    test(`the configuration of ${engine} is ${name}: refused, unchanged`, (t) => {
      const file = join(tmpdir(t), 'config');
      putting(name, file);
      const options = { name: 'layerhook', path: '/bin/true', runtimePath: '/bin/true', isDefault: true };
      const error = t.throws(() => planConfigure({ ...options, engine, file, dropIn: false }));
      t.regex(String((error as { code?: string }).code), /^(CTK_CONFIG|SYSTEM)$/, error!.message);
    });
}

test('a state without an end is refused', async (t) => {
  if (!requires(t, 'sh')) return;
  const script = join(process.cwd(), 'dist/bundle/archive-overlay.cjs');
  const args = ['-c', 'exec "$0" "$1" --state-dir "$2" < /dev/zero', process.execPath, script, tmpdir(t)];
  const { status, stdout, stderr } = await run('sh', args);
  t.is(status, 1);
  t.regex(stdout + stderr, /standard input is over the limit of 8388608 bytes/);
});

test('a context of hooks run without an end is refused', async (t) => {
  const args = ['hooks', 'run', '--context', '/dev/zero', 'unpack.ociv1.layer.try-skip'];
  await refused(t, layerhook(args), /\/dev\/zero is over the limit/);
});

/** Bundles and documents that must not lead the wrapper, which is root, out of what the engine named. */
const odd: Record<string, string> = {
  'not JSON': '{"process":',
  empty: '',
  'a list': '[]',
  null: 'null',
  'hooks a list': '{"ociVersion":"1.0.2","hooks":[]}',
  'hooks a text': '{"ociVersion":"1.0.2","hooks":"x"}',
  'a stage that is an object': '{"ociVersion":"1.0.2","hooks":{"poststop":{}}}',
  'hooks twice': '{"ociVersion":"1.0.2","hooks":{"poststop":[]},"hooks":{}}',
  'a NUL': '{"ociVersion":"1.0.2"}\0',
  'deep nesting': `{"ociVersion":"1.0.2","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
};

for (const [name, text] of Object.entries(odd))
  test(`config.json has ${name}: the wrapper refuses it, or adds its hook to a valid document`, async (t) => {
    const { bundle, configFile, flags } = setUp(t);
    writeFileSync(configFile, text);
    const args = [...flags('echo'), 'create', '--bundle', bundle, 'id'];
    const { status, stderr } = await run(launcher, args);
    if (status === 0) expectHook(t, configFile);
    else {
      t.is(readFileSync(configFile, 'utf8'), text);
      t.regex(stderr, /^[^\n]*config\.json[^\n]*\n$/);
      t.notRegex(stderr, /internal error|at .*\.js:/);
    }
    t.deepEqual(readdirSync(bundle), ['config.json']);
  });

for (const name of ['a\nb', 'ä ö', '--help', '$(touch x)', '`id`', '%s%n', 'x'.repeat(200)])
  test(`a bundle named ${JSON.stringify(name)} is one argument`, async (t) => {
    const { dir, flags } = setUp(t);
    const bundle = join(dir, 'in', name);
    mkdirSync(bundle, { recursive: true });
    writeFileSync(join(bundle, 'config.json'), '{"ociVersion":"1.0.2"}');
    const args = [...flags('echo'), 'create', '--bundle', bundle, 'id'];
    const { status, stdout, stderr } = await run(launcher, args, { cwd: dir });
    t.is(status, 0, stderr);
    t.is(stdout, `create --bundle ${bundle} id\n`);
    expectHook(t, join(bundle, 'config.json'));
    t.deepEqual(readdirSync(dir).sort(), ['bundle', 'hooks.json', 'in']);
  });

function expectHook(t: ExecutionContext<unknown>, file: string): void {
  const { hooks } = JSON.parse(readFileSync(file, 'utf8')) as { hooks: { poststop: { path: string }[] } };
  t.deepEqual(
    hooks.poststop.map(({ path }) => path),
    ['/bin/true'],
  );
}
