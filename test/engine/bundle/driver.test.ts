/** What a bundle may choose: a bundle is input, and other users than the one that runs layerhook may write to it. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mountBundle, unmountBundle } from '../../../src/engine/bundle/mount.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import type { OperationOptions } from '../../../src/engine/operation-options.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import { layerhook } from '../../helpers/cli.js';
import { errorLine } from '../../helpers/error-line.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

const nobody = 65534;
const ran = globalThis as { ranCode?: unknown };
const code = 'globalThis.ranCode = true; export default (options) => ({ name: "x", hooks: {} });';

type More = Partial<Omit<OperationOptions, 'hooks'>>;

/** A bundle, and all that can be done to it. */
async function unpacked(t: ExecutionContext, more: More = {}) {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const bundle = join(dir, 'bundle');
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]).reference;
  await unpack({ image, bundle, hooksFile: null, ...more });
  const commands: Record<string, (more?: More) => Promise<unknown>> = {
    repack: (more) => repack({ image, bundle, hooksFile: null, ...more }),
    refresh: (more) => repack({ image, bundle, refreshBundle: true, hooksFile: null, ...more }),
    umount: (more) => unmountBundle({ bundle, hooksFile: null, ...more }),
    mount: (more) => mountBundle({ bundle, hooksFile: null, ...more }),
    remove: (more) => removeBundle({ bundle, hooksFile: null, ...more }),
  };
  const file = join(bundle, 'layerhook.json');
  const record = (name: string, options: object = {}) =>
    writeFileSync(file, JSON.stringify({ version: 1, driver: { name, options } }));
  const recorded = () => JSON.parse(readFileSync(file, 'utf8')).driver;
  return { dir, image, bundle, file, commands, record, recorded };
}

rootTest('code that a bundle names is never run', async (t) => {
  const { dir, bundle, commands, record } = await unpacked(t);
  const module = join(dir, 'module.mjs');
  writeFileSync(module, code);
  writeFileSync(join(bundle, 'module.mjs'), code);
  const relative = `./${basename(dir)}/bundle/module.mjs`;
  const names = [
    `data:text/javascript,${encodeURIComponent(code)}`,
    ...[`file://${module}`, module, relative, `${dir}/./bundle/module.mjs`],
    ...['node:assert', 'assert', 'http://127.0.0.1/x.mjs', '#x', 'tar-stream', 'tar-stream/../ava', ''],
    ...['__proto__', 'constructor', '..', 'copy/../overlay', 'x'.repeat(100_000)],
  ];
  for (const owner of [0, nobody]) {
    chownSync(bundle, owner, owner);
    for (const name of names) {
      record(name);
      for (const [command, run] of Object.entries(commands)) {
        const error = await t.throwsAsync(run(), { code: 'BUNDLE_DRIVER' }, `${command} ${name}`);
        t.true(error.message.length < 500);
      }
    }
  }
  t.is(ran.ranCode, undefined);
  t.true(existsSync(join(bundle, 'rootfs/a')));
  await removeBundle({ bundle, force: true, hooksFile: null });
  t.is(ran.ranCode, undefined);
  t.deepEqual(readdirSync(bundle), ['module.mjs'], 'a file that layerhook did not make stays');
});

test('no URL and no module of node is a driver, even if the operator names it', async (t) => {
  const dir = tmpdir(t);
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]).reference;
  const names = [`data:text/javascript,${encodeURIComponent(code)}`, 'node:assert', 'assert', 'fs/promises'];
  for (const driver of [
    ...names,
    `file://${dir}/m.mjs`,
    'http://127.0.0.1/x.mjs',
    '#x',
    'a/../b',
    '@a',
    '',
  ]) {
    const unpacking = unpack({ image, bundle: join(dir, 'bundle'), driver, hooksFile: null });
    await t.throwsAsync(unpacking, { code: 'DRIVER_NOT_FOUND', message: /the name is malformed/ }, driver);
  }
  const hooksFile = join(dir, 'hooks.toml');
  for (const name of names) {
    writeFileSync(hooksFile, `driver = ${JSON.stringify(name)}`);
    const unpacking = unpack({ image, bundle: join(dir, 'bundle'), hooksFile });
    await t.throwsAsync(unpacking, { code: 'DRIVER_NOT_FOUND', message: /the name is malformed/ }, name);
  }
  t.is(ran.ranCode, undefined);
});

/** A driver that tells of the options that it is made with. */
function tellingDriver(dir: string): { driver: string; hooksFile: string; told: () => unknown[] } {
  const driver = join(dir, 'driver.mjs');
  const told = join(dir, 'told');
  writeFileSync(
    driver,
    `import { appendFileSync } from 'node:fs';
    export default (options) => {
      appendFileSync(${JSON.stringify(told)}, JSON.stringify(options) + '\\n');
      return { name: 'telling', hooks: {} };
    };`,
  );
  const hooksFile = join(dir, 'hooks.toml');
  writeFileSync(hooksFile, `[driver]\nname = ${JSON.stringify(driver)}\nprogram = "/bin/true"\n`);
  return {
    ...{ driver, hooksFile },
    told: () => {
      const lines = readFileSync(told, 'utf8').trim().split('\n');
      rmSync(told);
      return lines.map((line) => JSON.parse(line));
    },
  };
}

rootTest('a driver of hooks.toml gets only the options of hooks.toml, not those of the bundle', async (t) => {
  const place = tmpdir(t);
  const { driver, hooksFile, told } = tellingDriver(place);
  const store = join(place, 'store');
  const { bundle, commands, record, recorded } = await unpacked(t, { hooksFile, store });
  const options = { program: '/bin/true', store };
  t.deepEqual(told(), [options]);
  t.deepEqual(recorded(), { name: driver, options });
  record(driver, { program: '/evil', other: 1, store });
  for (const run of Object.values(commands).slice(0, -1)) await run({ hooksFile });
  t.deepEqual(told(), [options, options, options, options]);

  for (const run of Object.values(commands)) {
    await t.throwsAsync(run(), {
      code: 'BUNDLE_DRIVER',
      message: new RegExp(`cannot use the driver ${driver} of bundle `),
    });
    const other = join(place, 'other.toml');
    writeFileSync(other, 'driver = "copy"');
    await t.throwsAsync(run({ hooksFile: other }), { code: 'BUNDLE_DRIVER' });
  }
  chownSync(bundle, nobody, nobody);
  const message = /belongs to another user \(uid 65534\)/;
  for (const run of Object.values(commands))
    await t.throwsAsync(run({ hooksFile }), { code: 'BUNDLE_DRIVER', message });
  for (const run of Object.values(commands)) await run({ driver, driverOptions: { mine: 1 }, store });
  const named = { mine: 1, store };
  t.deepEqual(told(), [named, named, named, named, named]);
});

rootTest('a driver that is named by path is the same from any directory', async (t) => {
  const place = tmpdir(t);
  const { driver } = tellingDriver(place);
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]).reference;
  const bundle = join(place, 'bundle');
  const run = (...args: string[]) => layerhook(args, { cwd: place });
  t.is((await run('unpack', '--driver', './driver.mjs', '--image', image, bundle)).status, 0);
  t.is(JSON.parse(readFileSync(join(bundle, 'layerhook.json'), 'utf8')).driver.name, driver);
  const { status, stderr } = await run('repack', '--image', image, bundle);
  t.is(status, 12);
  t.regex(stderr, errorLine('BUNDLE_DRIVER'));
  t.regex(
    stderr,
    new RegExp(`cannot use the driver ${driver} of bundle ${bundle}: .*name it with --driver.*\n$`),
  );
  t.is((await run('repack', '--driver', './driver.mjs', '--image', image, bundle)).status, 0);
  for (const command of ['mount', 'umount', 'rm']) {
    t.is((await run('bundle', command, bundle)).status, 12);
    t.is((await run('bundle', command, '--driver', 'driver.mjs', bundle)).status, 9);
    t.is((await run('bundle', command, '--driver', './driver.mjs', bundle)).status, 0);
  }
});

/** Ways in which others may write a bundle. */
const exposures: [string, (bundle: string) => void, RegExp][] = [
  ['owner', (bundle) => chownSync(bundle, nobody, nobody), /bundle belongs to another user \(uid 65534\)/],
  ['group', (bundle) => chmodSync(bundle, 0o770), /others may write \S*bundle/],
  ['all', (bundle) => chmodSync(bundle, 0o777), /others may write \S*bundle/],
  ['file', (bundle) => chownSync(join(bundle, 'layerhook.json'), 1, 1), /layerhook\.json belongs/],
  ['mode', (bundle) => chmodSync(join(bundle, 'layerhook.json'), 0o664), /may write \S*layerhook\.json/],
];
for (const [title, expose, message] of exposures) {
  test(`a bundle that others may write chooses no store: ${title}`, async (t) => {
    if (!requires(t, 'root', 'mount')) return;
    const store = join(tmpdir(t), 'store');
    const { bundle, commands } = await unpacked(t, { driver: 'overlay', store });
    expose(bundle);
    writeFileSync(join(bundle, 'rootfs/b'), 'kept');
    const before = readdirSync(join(store, 'snapshots'));
    for (const run of Object.values(commands)) {
      const error = await t.throwsAsync(run(), { code: 'BUNDLE_DRIVER', message });
      t.regex((error as Error & { hint: string }).hint, /ch(own|mod) .*, or name the store with --store/);
    }
    t.deepEqual(readdirSync(join(store, 'snapshots')), before);
    t.is(readFileSync(join(bundle, 'rootfs/b'), 'utf8'), 'kept');
    // the operator's own choice
    const hooksFile = join(store, '../hooks.toml');
    writeFileSync(hooksFile, `store = "${store}"`);
    for (const name of ['repack', 'umount', 'mount']) await commands[name]!({ hooksFile });
    for (const run of Object.values(commands)) await run({ store });
    t.false(existsSync(bundle));
  });
}

test('options of a bundle that others may write do not count', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const store = join(tmpdir(t), 'store');
  const { bundle, commands, record } = await unpacked(t, { driver: 'overlay', store });
  record('overlay', { store, durability: 'fast' });
  await t.throwsAsync(commands.mount!(), { code: 'DRIVER_OPTION', message: /durability/ });
  record('overlay', { store, durability: 'none', program: '/evil' });
  await t.throwsAsync(commands.mount!(), { code: 'DRIVER_OPTION', message: /program/ });
  chownSync(bundle, nobody, nobody);
  await commands.mount!({ store });
  record('overlay', { store: 'store' });
  chownSync(bundle, 0, 0);
  await t.throwsAsync(commands.mount!(), { code: 'BUNDLE_DRIVER', message: /its store is "store"/ });
});

rootTest('a bundle names no store that others may write, and none is made there', async (t) => {
  const { commands, record } = await unpacked(t);
  const dir = tmpdir(t);
  const theirs = join(dir, 'theirs');
  mkdirSync(theirs);
  chownSync(theirs, nobody, nobody);
  symlinkSync(theirs, join(dir, 'link'));
  mkdirSync(join(dir, 'open'));
  chmodSync(join(dir, 'open'), 0o777);
  for (const driver of ['overlay', 'btrfs'])
    for (const store of ['theirs', 'theirs/store', 'link', 'link/deep/store', 'open']) {
      record(driver, { store: join(dir, store) });
      for (const [command, run] of Object.entries(commands))
        await t.throwsAsync(
          run(),
          { code: 'BUNDLE_DRIVER', message: /(belongs to another user|others may write)/ },
          command,
        );
    }
  t.deepEqual(readdirSync(theirs), []);
  t.deepEqual(readdirSync(join(dir, 'open')), []);
});

rootTest('root repacks and removes a plain bundle of another user', async (t) => {
  const { dir, bundle, file, commands, record } = await unpacked(t, { store: join(tmpdir(t), 'store') });
  record('copy', { store: join(dir, 'anything'), other: 1 });
  for (const path of [bundle, file]) chownSync(path, nobody, nobody);
  writeFileSync(join(bundle, 'rootfs/b'), 'b');
  t.like(await commands.refresh!(), { changes: 2 });
  await commands.remove!();
  t.false(existsSync(join(dir, 'anything')));
});

test('writes of root in a bundle do not follow links that another user made', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  for (const driver of ['copy', 'overlay']) {
    const store = join(tmpdir(t), 'store');
    const { dir, bundle, commands } = await unpacked(t, { driver, store });
    const canary = join(dir, 'canary');
    writeFileSync(canary, 'untouched');
    const files = ['layerhook.json', 'umoci.json', 'layerhook.index', 'layerhook.overlay'];
    const temporary = files.flatMap((name) => [`${name}.tmp`, `${name}.${process.pid}.tmp`]);
    for (const name of ['layerhook.clock', ...temporary]) {
      rmSync(join(bundle, name), { force: true });
      symlinkSync(canary, join(bundle, name));
      lchownSync(join(bundle, name), nobody, nobody);
    }
    chownSync(bundle, nobody, nobody);
    writeFileSync(join(bundle, 'rootfs/b'), driver);
    t.like(await commands.refresh!({ store }), { changes: 2 });
    t.is(readFileSync(canary, 'utf8'), 'untouched');
    await commands.remove!({ store });
  }
});

rootTest('a rootfs that another user made a symlink is neither packed nor mounted on', async (t) => {
  const { dir, bundle, commands } = await unpacked(t);
  const host = join(dir, 'host');
  renameSync(join(bundle, 'rootfs'), host);
  symlinkSync(host, join(bundle, 'rootfs'));
  t.like(await commands.repack!(), { changes: 0 });
  lchownSync(join(bundle, 'rootfs'), nobody, nobody);
  const refused = { code: 'BUNDLE_INVALID', message: /rootfs is a symlink that others may have made/ };
  for (const name of ['repack', 'refresh', 'mount']) await t.throwsAsync(commands[name]!(), refused);
  await commands.remove!();
  t.true(existsSync(join(host, 'a')));
});
