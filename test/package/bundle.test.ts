import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import Module from 'node:module';
import { basename, join } from 'node:path';
import test from 'ava';
import { layerhook, mainFile, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const trySkip = 'unpack.ociv1.layer.try-skip';

test('the bin is the bundle, a few files without chunks', (t) => {
  t.regex(mainFile, /\/dist\/bundle\/main\.cjs$/);
  const files = readdirSync(join(mainFile, '..'), { recursive: true, encoding: 'utf8' });
  const code = files.filter((name) => name.endsWith('.cjs')).sort();
  t.deepEqual(code, [
    'archive-overlay.cjs',
    'bundle-rest.cjs',
    'bundle-store.cjs',
    'bundle.cjs',
    'commands.cjs',
    'layer/apply/worker.cjs',
    'layer/stream/hash-worker.cjs',
    'layer/stream/source-worker.cjs',
    'main.cjs',
    'program.cjs',
    'repack-rest.cjs',
    'repack-store.cjs',
    'repack.cjs',
    'runtime.cjs',
    'snapshotter/tree-worker.cjs',
    'unpack-rest.cjs',
    'unpack-store.cjs',
    'unpack.cjs',
  ]);
});

test('--version, --help and wrong options do without the commands and native code', async (t) => {
  const loaded = async (...args: string[]) => {
    const { stderr } = await layerhook(args, { env: { NODE_DEBUG: 'module' } });
    const files = [...stderr.matchAll(/load "([^"]+)" for module/g)].map(([, file]) => basename(file!));
    return [...new Set(files)].filter((name) => name !== 'main.cjs');
  };
  for (const args of [['--version'], ['--help'], ['help', 'store'], ['--nope']])
    t.deepEqual(await loaded(...args), ['program.cjs'], args.join(' '));
  t.deepEqual(await loaded('stat', '--nope'), ['program.cjs', 'commands.cjs']);
});

test('a module of a command is in one of its files', (t) => {
  // re-exports: each importer has its own (build.js)
  const isEntryPoint = (source: string) => /\/src\/(index|store|(overlay|system)\/index)\.ts$/.test(source);
  const sourcesOf = (name: string) => {
    const map = JSON.parse(readFileSync(join(mainFile, '..', `${name}.cjs.map`), 'utf8')) as {
      sources: string[];
    };
    return map.sources.filter((source) => /^[./]+\/(src|drivers|node_modules)\//.test(source));
  };
  for (const command of ['unpack', 'repack', 'bundle']) {
    const names = [command, `${command}-store`, `${command}-rest`];
    const sources = names.flatMap((name) =>
      existsSync(join(mainFile, '..', `${name}.cjs`)) ? sourcesOf(name) : [],
    );
    t.true(sources.length > 300, command);
    t.deepEqual(
      sources.filter((source, at) => sources.indexOf(source) !== at && !isEntryPoint(source)),
      [],
      command,
    );
  }
});

test('commands for each container load few files of the bundle and two native parts', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const image = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const dir = tmpdir(t);
  const env = { LAYERHOOK_STORE: join(dir, 'store'), NODE_DEBUG: 'module' };
  const loadedBy = async (...args: string[]) => {
    const { status, stderr } = await layerhook(args, { env });
    t.is(status, 0, args.join(' '));
    return [...stderr.matchAll(/load "([^"]+)" for module/g)].map(([, file]) => file!);
  };
  const unpack = (name: string) => {
    t.teardown(() => layerhook(['bundle', 'rm', join(dir, name)], { env }));
    return loadedBy('unpack', '--driver', 'overlay', '--image', image.reference, join(dir, name));
  };
  const isWarm = ([main, ...loaded]: string[], ...names: string[]) => {
    t.is(main, mainFile);
    const isNative = (file: string) => file.endsWith('.node');
    const files = loaded.filter((file) => !isNative(file)).map((file) => basename(file, '.cjs'));
    t.deepEqual(files, ['program', ...names]);
    const native = loaded.filter(isNative).sort();
    t.regex(native.join(), /^\S+\/@koromix\/\S+\.node,\S+\/@lmdb\/\S+\.node$/);
  };
  const cold = await unpack('cold');
  t.true(cold.some((file) => basename(file) === 'unpack-rest.cjs'));
  isWarm(await unpack('warm'), 'unpack', 'unpack-store');
  const bundle = join(dir, 'warm');
  isWarm(await loadedBy('repack', '--image', image.reference, bundle), 'repack', 'repack-store');
  for (const command of ['umount', 'mount', 'rm'])
    isWarm(await loadedBy('bundle', command, bundle), 'bundle', 'bundle-store');
});

test('the copy driver loads neither LMDB nor the file of the store', async (t) => {
  const image = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const dir = tmpdir(t);
  const bundle = join(dir, 'bundle');
  const env = { LAYERHOOK_STORE: join(dir, 'store'), NODE_DEBUG: 'module' };
  const rootless = process.geteuid?.() === 0 ? [] : ['--rootless'];
  for (const args of [
    ['unpack', ...rootless, '--driver', 'copy', '--image', image.reference],
    ['repack', '--image', image.reference],
    ['bundle', 'rm'],
  ]) {
    const { status, stderr } = await layerhook([...args, bundle], { env });
    t.is(status, 0);
    t.regex(stderr, /load "\S+-rest\.cjs"/);
    t.notRegex(stderr, /load "\S+(-store\.cjs|\/@lmdb\/\S+)"/);
  }
});

rootTest(
  'results and errors of a foreign driver are recognized, though it imports the library',
  async (t) => {
    const image = buildImage(t, [[{ name: 'a', content: 'x' }]]);
    const dir = tmpdir(t);
    const driver = (name: string, hook: string) => {
      const file = join(dir, `${name}.mjs`);
      const library = import.meta.resolve('layerhook');
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
    t.regex(debug.stderr, /at .*src\/engine\/[\w/-]+\.ts:\d+/);
    t.notRegex(debug.stderr, /at .*\/bundle\/\w+\.cjs/);

    await succeed(t, unpack(driver('declines', 'declined')));
  },
);

test("a hook's own lmdb works beside the one in the bundle, with its keys, values and caches", async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const image = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const dir = tmpdir(t);
  const env = { LAYERHOOK_STORE: join(dir, 'store') };
  const file = join(dir, 'hook.mjs');
  writeFileSync(
    file,
    `import { writeSync } from 'node:fs';
    import { open } from ${JSON.stringify(import.meta.resolve('lmdb'))};
    export default {
      'unpack.ociv1.bundle.config': async ({ spec }) => {
        const db = open({ path: ${JSON.stringify(join(dir, 'db'))}, cache: true });
        await db.put(['key', 2], { made: new Date(5), of: new Map([['a', 1]]) });
        await db.put(['key', 10], 'ten'.repeat(50));
        const rows = [...db.getRange({ start: ['key', 1] })].map(({ key, value }) => [key[1], value]);
        await db.close();
        const [[two, { made, of }], [ten, text]] = rows;
        writeSync(1, [two, made.getTime(), of.get('a'), ten, text.length].join(' '));
        return spec;
      },
    };`,
  );
  const hooks = join(dir, 'hooks.toml');
  writeFileSync(hooks, '[[hook]]\nmodule = "./hook.mjs"\n');
  for (const name of ['cold', 'warm']) {
    const bundle = join(dir, name);
    t.teardown(() => layerhook(['bundle', 'rm', bundle], { env }));
    const args = ['--hooks', hooks, 'unpack', '--driver', 'overlay', '--image', image.reference, bundle];
    const stdout = await succeed(t, layerhook(args, { env }));
    t.is(stdout, '2 5 1 10 150');
  }
});

test('compiled code of V8 is kept for the next start, where only this user can write', async (t) => {
  const base = tmpdir(t);
  const kept = join(base, 'layerhook');
  const start = async (env: Record<string, string> = {}) => {
    const { status, stdout } = await layerhook(['--version'], { env: { XDG_CACHE_HOME: base, ...env } });
    t.is(status, 0);
    t.regex(stdout, /^layerhook version/);
  };
  for (const mode of [0o777, 0o720, 0o702]) {
    chmodSync(base, mode);
    await start();
  }
  chmodSync(base, 0o700);
  await start({ NODE_DISABLE_COMPILE_CACHE: '1' });
  await start({ XDG_CACHE_HOME: 'relative' });
  const loop = join(base, 'loop');
  symlinkSync(loop, loop);
  await start({ XDG_CACHE_HOME: join(loop, 'cache') });
  rmSync(loop);
  writeFileSync(kept, '');
  await start();
  rmSync(kept);
  t.deepEqual(readdirSync(base), []);

  mkdirSync(kept);
  chmodSync(kept, 0o777);
  await start();
  t.deepEqual(filesIn(kept), []);
  rmSync(kept, { recursive: true });
  await start();
  if (!('enableCompileCache' in Module)) {
    t.false(existsSync(kept));
    return;
  }
  t.is(statSync(kept).mode & 0o777, 0o700);
  const files = filesIn(kept);
  t.is(files.length, 1);
  const { ino } = statSync(files[0]!);
  await start();
  t.deepEqual(filesIn(kept), files);
  t.is(statSync(files[0]!).ino, ino);
  for (const text of ['', 'x'.repeat(5000)]) {
    writeFileSync(files[0]!, text);
    await start();
  }
});

test('a missing cache directory is created in a directory that only this user can write to', async (t) => {
  const home = tmpdir(t);
  const start = () => layerhook(['--version'], { env: { XDG_CACHE_HOME: join(home, '.cache') } });
  chmodSync(home, 0o777);
  await start();
  t.deepEqual(readdirSync(home), []);
  chmodSync(home, 0o755);
  await start();
  if (!('enableCompileCache' in Module)) {
    t.deepEqual(readdirSync(home), []);
    return;
  }
  t.is(statSync(join(home, '.cache')).mode & 0o777, 0o700);
  t.is(filesIn(join(home, '.cache/layerhook')).length, 1);
});

test('the caches of other installations are removed, those made first before the others', async (t) => {
  if (!('enableCompileCache' in Module)) {
    t.pass();
    return;
  }
  const base = tmpdir(t);
  const kept = join(base, 'layerhook');
  for (let i = 0; i < 12; i++) mkdirSync(join(kept, `v0.0.0-${i}`, 'within'), { recursive: true });
  writeFileSync(join(kept, 'v0.0.0-0', 'within', 'file'), 'x');
  await layerhook(['--version'], { env: { XDG_CACHE_HOME: base } });
  const names = readdirSync(kept);
  t.is(names.length, 8);
  t.is(names.filter((name) => name.startsWith(process.version)).length, 1);
});

function filesIn(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
