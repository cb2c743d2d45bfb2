import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { currentHeader } from 'mtree-ts';
import { writeMtree } from '../../src/engine/bundle/write-mtree.js';
import { openStore } from '../../src/store/index.js';
import type { Store } from '../../src/store/types.js';
import { layerhook, refused, succeed } from '../helpers/cli.js';
import { errorLine } from '../helpers/error-line.js';
import { tmpdir } from '../helpers/tmp.js';

const signal = new AbortController().signal;
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;

/** A store of two layers, `a` and `b` on top of it, and a bundle on each. */
async function filledStore(t: ExecutionContext<unknown>): Promise<{ dir: string; root: string }> {
  const dir = tmpdir(t);
  const root = join(dir, 'store');
  const store = await openStore({ root });
  await addLayer(store, 'a', '', 100_000);
  await addLayer(store, 'b', digestOf('a'), 5000);
  await addBundle(store, join(dir, 'one'), 'a');
  await addBundle(store, join(dir, 'two'), 'b');
  await store.close();
  return { dir, root };
}

async function addLayer(store: Store, digit: string, parent: string, bytes: number): Promise<void> {
  const identity = { diffID: digestOf(digit), chainID: digestOf(digit), map: '' };
  const extraction = (await store.extract(identity, parent, { signal }))!;
  mkdirSync(join(extraction.target, 'etc'));
  writeFileSync(join(extraction.target, 'etc', 'file'), digit.repeat(bytes));
  await writeMtree(extraction.target, extraction.mtree, currentHeader(extraction.target));
  await extraction.commit({ parent, dependencies: [] });
}

async function addBundle(store: Store, bundle: string, digit: string): Promise<void> {
  const key = `bundle:${bundle}`;
  await store.prepare(key, digestOf(digit), { labels: { 'layerhook/bundle': bundle } });
  writeFileSync(join(await store.directory(key), 'change'), 'changed');
  mkdirSync(bundle);
  writeFileSync(join(bundle, 'umoci.json'), '{}');
}

async function ask(t: ExecutionContext<unknown>, root: string, ...args: string[]): Promise<string> {
  const [command, ...others] = args;
  return succeed(t, layerhook(['store', command!, '--store', root, ...others]));
}

async function layers(t: ExecutionContext<unknown>, root: string) {
  return JSON.parse(await ask(t, root, 'ls', '--json')) as {
    id: string;
    directory: string;
    bundles: string[];
    damaged?: string;
    layer: { diffID: string };
  }[];
}

test('a layer whose directory is gone is shown as missing, fails a verification, and can be removed', async (t) => {
  const { dir, root } = await filledStore(t);
  const upper = (await layers(t, root)).find(({ layer }) => layer.diffID === digestOf('b'))!;
  rmSync(dirname(upper.directory), { recursive: true });
  t.regex(await ask(t, root, 'ls'), /^b{12} .* missing +- +1 +layerhook$/m);
  const { status, stdout } = await layerhook(['store', 'verify', '--store', root]);
  t.is(status, 1);
  t.regex(stdout, /^b{12}: its directory is missing$/m);
  const store = await openStore({ root });
  await store.remove(`bundle:${join(dir, 'two')}`);
  await store.close();
  await ask(t, root, 'rm', 'b'.repeat(12));
  t.is((await layers(t, root)).length, 1);
});

test('ls shows each layer and its users', async (t) => {
  const { dir, root } = await filledStore(t);
  const text = await ask(t, root, 'ls');
  t.regex(text, /^LAYER +DIFFID +SIZE +INODES +FORM +STATE +LAST USED \(UTC\) +BUNDLES +CLIENTS\n/);
  t.regex(
    text,
    /^a{12} +a{12} +10\d\.\d kB +3 +directory +in memory +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +2 +layerhook$/m,
  );
  t.regex(text, /^b{12} +b{12} +8\.2 kB +3 .* 1 +layerhook$/m);
  const [b] = (await layers(t, root)).filter(({ layer }) => layer.diffID === digestOf('b'));
  t.deepEqual(b!.bundles, [join(dir, 'two')]);
});

test('du counts shared layers once', async (t) => {
  const { dir, root } = await filledStore(t);
  const { bundles, unused, total } = JSON.parse(await ask(t, root, 'du', '--json'));
  t.deepEqual(
    bundles.map(({ bundle, inodes, layers }: { bundle: string; inodes: number; layers: string[] }) => [
      bundle,
      inodes,
      layers.length,
    ]),
    [
      [join(dir, 'one'), 2, 1],
      [join(dir, 'two'), 2, 2],
    ],
  );
  t.deepEqual(unused, { bytes: 0, inodes: 0 });
  t.is(total.inodes, 3 + 3 + 2 + 2);
  t.true(total.bytes < bundles[0].bytes + bundles[1].bytes + bundles[0].shared + bundles[1].shared);
  t.regex(await ask(t, root, 'du'), /^4\.1 kB +2 +\d+\.\d kB +\/.*\/one$/m);
});

test('df says where the store is and what it takes', async (t) => {
  const { root } = await filledStore(t);
  t.regex(
    await ask(t, root, 'df'),
    new RegExp(`^store +${root}\nsnapshots +4\nlayers +\\d+\\.\\d kB, 6 inodes\n`),
  );
  const { contents, free, size } = JSON.parse(await ask(t, root, 'df', '--json'));
  t.is(contents, 4);
  t.true(free > 0 && free <= size);
});

test('sync makes layers known to be on disk', async (t) => {
  const { root } = await filledStore(t);
  await ask(t, root, 'sync');
  const text = await ask(t, root, 'ls');
  t.is(text.match(/ on disk /g)?.length, 2);
});

test('verify finds the file that is damaged, and the layer is not used again', async (t) => {
  const { root } = await filledStore(t);
  t.is(await ask(t, root, 'verify'), `${'b'.repeat(12)}: unchanged\n${'a'.repeat(12)}: unchanged\n`);
  const a = (await layers(t, root)).find(({ layer }) => layer.diffID === digestOf('a'))!;
  const file = join(a.directory, 'etc', 'file');
  writeFileSync(file, 'x'.repeat(100_000));
  utimesSync(file, 1, 1);

  const dry = await layerhook(['store', 'verify', '--store', root, '--dry-run', 'aaaa']);
  t.is(dry.status, 1);
  t.is((await layers(t, root)).filter(({ damaged }) => damaged).length, 0);
  const { status, stdout, stderr } = await layerhook(['store', 'verify', '--store', root]);
  t.is(status, 1);
  t.regex(stdout, new RegExp(`^a{12}: damaged in ${a.directory}$`, 'm'));
  t.regex(stdout, /etc\/file/);
  t.regex(stdout, /sha256/);
  t.regex(stderr, /damaged layers in the store: 1;/);
  t.regex(stderr, errorLine('STORE_DAMAGED'));
  t.is((await layers(t, root)).find(({ id }) => id === a.id)!.damaged, '1 file differs');

  const store = await openStore({ root });
  t.teardown(() => store.close());
  const identity = { diffID: digestOf('a'), chainID: digestOf('a'), map: '' };
  t.false(await store.find(identity, '', () => ''));
});

test('rm removes a layer without layers on top, by its first digits', async (t) => {
  const { root } = await filledStore(t);
  const refused = await layerhook(['store', 'rm', '--store', root, 'bbbb']);
  t.is(refused.status, 12);
  t.regex(refused.stderr, errorLine('STORE_LAYER_IN_USE'));
  t.regex(refused.stderr, /layer b{12} is in use: bundle \/.*\/two; remove these bundles first/);
  const store = await openStore({ root });
  for await (const { name } of store.walk(['kind==active'])) await store.remove(name);
  await store.close();
  await ask(t, root, 'rm', 'bbbb');
  t.deepEqual(
    (await layers(t, root)).map(({ layer }) => layer.diffID),
    [digestOf('a')],
  );
  const unknown = await layerhook(['store', 'rm', '--store', root, 'cccc']);
  t.is(unknown.status, 3);
  t.regex(unknown.stderr, errorLine('STORE_LAYER_NOT_FOUND'));
  t.regex(unknown.stderr, /no layer in the store called cccc; layerhook store ls shows the layers/);
});

test('gc frees what no bundle needs, and what is left of bundles only when asked', async (t) => {
  const { dir, root } = await filledStore(t);
  t.is(await ask(t, root, 'gc'), 'freed 0 B of 0 layers\n');
  rmSync(join(dir, 'two'), { recursive: true });
  t.regex(
    await ask(t, root, 'gc'),
    /^missing bundle \/.*\/two still has 4\.1 kB of changes\nlayerhook store gc --missing-bundles removes these changes\nfreed 0 B of 0 layers\n$/,
  );
  t.is((await layers(t, root)).length, 2);
  await ask(t, root, 'gc', '--missing-bundles', '--dry-run');
  t.is((await layers(t, root)).length, 2);
  t.regex(await ask(t, root, 'gc', '--missing-bundles'), /^freed 8\.2 kB of 1 layer\n$/);
  t.deepEqual(
    (await layers(t, root)).map(({ layer }) => layer.diffID),
    [digestOf('a')],
  );
});

test('gc keeps to a size and a time', async (t) => {
  const { root } = await filledStore(t);
  const store = await openStore({ root });
  for await (const { name } of store.walk(['kind==active'])) await store.remove(name);
  await store.close();
  t.is(await ask(t, root, 'gc', '--unused-for', '1h'), 'freed 0 B of 0 layers\n');
  t.is(await ask(t, root, 'gc', '--keep', '1GB'), 'freed 0 B of 0 layers\n');
  t.regex(await ask(t, root, 'gc', '--keep', '110kB', '--dry-run'), /^would free 8\.2 kB of 1 layer\n$/);
  t.regex(await ask(t, root, 'gc', '--keep', '0', '--dry-run'), /^would free 11\d\.\d kB of 2 layers\n$/);
  t.regex(await ask(t, root, 'gc'), /^freed 11\d\.\d kB of 2 layers\n$/);
  for (const wrong of [
    ['--keep', '10 apples', /write 500MB/],
    ['--keep', '10', /--keep 10 has no unit; write 10GB, or 10B for bytes/],
    ['--keep', '1.5', /has no unit/],
    ['--keep', '10g', /write 10GB \(decimal\) or 10GiB \(binary\)/],
    ['--keep', '1.5Mib', /write 1.5MB \(decimal\) or 1.5MiB \(binary\)/],
    ['--unused-for', '7', /write 90s/],
  ] as const) {
    const [option, value, message] = wrong;
    const { status, stderr } = await layerhook(['store', 'gc', '--store', root, option, value]);
    t.is(status, 2);
    t.regex(stderr, message);
  }
});

test('a missing store is not created, and commands that name a layer fail', async (t) => {
  const dir = tmpdir(t);
  const others = join(dir, 'others');
  mkdirSync(others);
  for (const root of [join(dir, 'none'), others]) {
    for (const command of ['ls', 'du', 'df', 'sync', 'verify', 'gc']) {
      const { status, stderr } = await layerhook(['store', command, '--store', root]);
      t.is(status, 0);
      t.is(stderr, `layerhook: warning: layer store not found at ${root}\n`);
      const quiet = await layerhook(['store', command], { env: { LAYERHOOK_STORE: root } });
      t.like(quiet, { status: 0, stderr: '' });
    }
    const missing = new RegExp(`^layerhook: no layer store at ${root}; name one with --store`, 'm');
    await refused(t, layerhook(['store', 'rm', '--store', root, 'abcd']), missing);
    await refused(t, layerhook(['store', 'verify', 'abcd'], { env: { LAYERHOOK_STORE: root } }), missing);
    t.deepEqual(JSON.parse(await ask(t, root, 'ls', '--json')), []);
    t.like(JSON.parse(await ask(t, root, 'du', '--json')), { bundles: [], total: { bytes: 0 } });
    t.like(JSON.parse(await ask(t, root, 'df', '--json')), { root, contents: 0, bytes: 0 });
    t.deepEqual(JSON.parse(await ask(t, root, 'gc', '--json')), {
      removed: [],
      bytes: 0,
      missingBundles: [],
    });
  }
  t.deepEqual(readdirSync(dir), ['others']);
  t.deepEqual(readdirSync(others), []);
});

test('a file is refused as a store', async (t) => {
  const root = join(tmpdir(t), 'file');
  writeFileSync(root, '');
  for (const command of ['ls', 'du', 'df', 'sync', 'verify', 'gc'])
    await refused(
      t,
      layerhook(['store', command, '--store', root]),
      /file cannot be used as a directory: it is/,
    );
});
