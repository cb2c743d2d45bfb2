import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { layerhook, mainFile, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const trySkip = 'unpack.ociv1.layer.try-skip';

test('the bin is the bundle, a few files without chunks', (t) => {
  t.regex(mainFile, /\/dist\/bundle\/main\.cjs$/);
  const files = readdirSync(join(mainFile, '..'), { recursive: true, encoding: 'utf8' });
  const code = files.filter((name) => name.endsWith('.cjs')).sort();
  t.deepEqual(code, [
    'layer/apply/worker.cjs',
    'layer/stream/source-worker.cjs',
    'main.cjs',
    'program.cjs',
    'repack.cjs',
    'rest.cjs',
    'runtime.cjs',
    'snapshot/service/tree-worker.cjs',
    'unpack.cjs',
  ]);
});

test('what is in the store is unpacked and repacked without the part of the bundle for all else', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const image = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const dir = tmpdir(t);
  const env = { LAYERHOOK_STORE: join(dir, 'store'), NODE_DEBUG: 'module' };
  const parts = async (...args: string[]) => {
    const { status, stderr } = await layerhook(args, { env });
    t.is(status, 0);
    return ['unpack', 'repack', 'rest'].filter((part) =>
      stderr.includes(`load "${join(mainFile, '..', part)}.cjs"`),
    );
  };
  const bundle = (name: string) => {
    t.teardown(() => layerhook(['bundle', 'rm', join(dir, name)], { env }));
    return join(dir, name);
  };
  const unpack = (name: string) =>
    parts('unpack', '--driver', 'overlay', '--image', image.reference, bundle(name));
  t.true((await unpack('cold')).includes('rest'));
  t.deepEqual(await unpack('warm'), ['unpack']);
  writeFileSync(join(dir, 'warm/rootfs/b'), 'y');
  t.deepEqual(await parts('repack', '--image', image.reference, join(dir, 'warm')), ['unpack', 'repack']);
});

test("what a stranger's driver declines and throws is understood, though it imports the library", async (t) => {
  if (!requires(t, 'root')) return;
  const image = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const dir = tmpdir(t);
  const driver = (name: string, hook: string) => {
    const file = join(dir, `${name}.mjs`);
    const library = import.meta.resolve('layerhook/driver');
    writeFileSync(
      file,
      `import { declined, LayerhookError } from ${JSON.stringify(library)};
      export default () => ({ name: '${name}', hooks: { '${trySkip}': () => ${hook} } });`,
    );
    return file;
  };
  const unpack = (file: string, ...more: string[]) =>
    layerhook([...more, 'unpack', '--driver', file, '--image', image.reference, join(dir, 'bundle')]);
  const failing = driver('fails', "{ throw new LayerhookError('LAYOUT_NOT_FOUND', { path: '/none' }); }");
  const { status, stderr } = await unpack(failing);
  t.not(status, 0);
  t.regex(stderr, /\/none/);
  t.notRegex(stderr, /internal error/);

  const debug = await unpack(failing, '--debug');
  t.regex(debug.stderr, /at .*src\/engine\/\w+\.ts:\d+/);
  t.notRegex(debug.stderr, /at .*\/bundle\/\w+\.cjs/);

  await succeed(t, unpack(driver('declines', 'declined')));
});

test('what V8 made of the program is kept for the next start, where nobody else can write', async (t) => {
  const base = tmpdir(t);
  const kept = join(base, 'layerhook');
  const start = async (env: Record<string, string> = {}) => {
    const { status, stdout } = await layerhook(['--version'], { env: { XDG_CACHE_HOME: base, ...env } });
    t.is(status, 0);
    t.regex(stdout, /^layerhook version/);
  };
  chmodSync(base, 0o777);
  await start();
  chmodSync(base, 0o700);
  await start({ NODE_DISABLE_COMPILE_CACHE: '1' });
  t.false(existsSync(kept));
  await start();
  const files = readdirSync(kept, { recursive: true, encoding: 'utf8' });
  t.true(files.length > 0);
  if ('enableCompileCache' in Module) return;

  t.is(files.length, 1);
  t.regex(files[0]!, /^\w+-none-dist-bundle-program\.cjs$/);
  await layerhook(['stat', '--image', base], { env: { XDG_CACHE_HOME: base } });
  const others = readdirSync(kept).filter((name) => name !== files[0]);
  t.true(
    others.some((name) => /^\w+-stat-dist-bundle-program\.cjs$/.test(name)),
    others.join(),
  );
  const file = join(kept, files[0]!);
  const first = statSync(file);
  t.is(first.mode & 0o777, 0o600);
  await start();
  t.is(statSync(file).ino, first.ino);
  const text = readFileSync(file);
  // another version's, one that was cut off, none of ours
  const spoiled = text.map((byte, at) => (at > 5000 && at % 997 === 0 ? ~byte : byte));
  const wrong = [Buffer.concat([Buffer.from('x'), text]), text.subarray(0, 2000), Buffer.from(''), spoiled];
  for (const bytes of wrong) {
    writeFileSync(file, bytes);
    await start();
    t.notDeepEqual(readFileSync(file), Buffer.from(bytes));
    t.true(readFileSync(file).length > 2000);
  }
});
