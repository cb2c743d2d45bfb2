import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hardlink } from '../../../src/testing/entries.js';
import { signalIfRunning } from '../../helpers/at-work.js';
import { layerhook, run, succeed } from '../../helpers/cli.js';
import { debian } from '../../helpers/debian.js';
import { assertError } from '../../helpers/hostile.js';
import { type BuiltImage, buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import type { RawEntry } from '../../helpers/tar.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { dir, file, symlink } from '../../layer/apply/harness.js';
import { place, skipped } from './place.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

/** An image of three layers that take some tenths of a second. */
function bigImage(t: ExecutionContext): BuiltImage {
  const content = Buffer.alloc(5000, 'layerhook ');
  const layers = [0, 1, 2].map((layer): RawEntry[] =>
    Array.from({ length: 600 }, (_, at) => ({ name: `d${at % 50}/f${layer}-${at}`, content })),
  );
  return buildImage(t, layers);
}

test.serial('Debian is the tree that the copy driver makes, and runc runs it', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'runc', 'python3')) return;
  const here = place(t);
  const reference = `${image.layout}:changed`;
  await succeed(t, here.unpack(reference, 'a'));
  const copy = join(here.directory, 'copy');
  await succeed(t, layerhook(['unpack', '--image', reference, copy]));
  t.deepEqual(diffTrees(treeOf(here.rootfs('a')), treeOf(join(copy, 'rootfs'))), []);

  const second = await here.unpack(reference, 'b');
  t.is(skipped(second), 2, second.stderr);
  writeFileSync(join(here.rootfs('a'), 'etc/hostname'), 'of a');
  rmSync(join(here.rootfs('a'), 'usr/bin/perl'));
  t.deepEqual(diffTrees(treeOf(here.rootfs('b')), treeOf(join(copy, 'rootfs'))), []);

  const config = join(here.directory, 'b/config.json');
  const spec = JSON.parse(readFileSync(config, 'utf8'));
  spec.process.terminal = false;
  spec.process.args = ['sh', '-c', 'cat /etc/os-release && echo ran > /ran'];
  writeFileSync(config, JSON.stringify(spec));
  const state = join(here.directory, 'state');
  const runtime = ['--root', state, 'run', '--bundle', join(here.directory, 'b'), `layerhook-${process.pid}`];
  t.regex(await succeed(t, run('runc', runtime)), /Debian/);
  t.is(readFileSync(join(here.rootfs('b'), 'ran'), 'utf8'), 'ran\n');
  t.false(existsSync(join(here.rootfs('a'), 'ran')));
});

test.serial(
  'layers that what is below has changed are whole to store verify, and known in all details',
  async (t) => {
    const { layout } = buildImage(t, [
      [
        dir('real', { mode: 0o750, uid: 5 }),
        symlink('link', 'real'),
        file('low', 'x'),
        file('real/low', 'y'),
      ],
      [file('real/own', 'own'), hardlink('to own', 'link/own'), hardlink('to low', 'low')],
      [file('real/new', 'z', { mode: 0o664 }), file('.wh.never'), file('real/.wh.low')],
      [file('link/through', 'w', { mode: 0o4750 }), dir('other'), file('other/f', 'v', { mode: 0o600 })],
    ]);
    const here = place(t);
    await succeed(t, here.unpack(layout, 'b'));
    const verify = layerhook(['--log-format=json', 'store', 'verify', '--store', here.store]);
    t.notRegex(await succeed(t, verify), /damaged/);
    // what it cannot have overlooked
    await here.withStore(async (store) => {
      const layers = await store.list();
      const directories = layers.map(({ directory }) => directory);
      t.true(
        directories.some((path) => statSync(join(path, 'real/own'), { throwIfNoEntry: false })?.nlink === 2),
      );
    });
  },
);

test.serial('eight parallel unpacks extract each layer once', async (t) => {
  const image = bigImage(t);
  const here = place(t);
  const bundles = Array.from({ length: 8 }, (_, i) => `b${i}`);
  const ended = await Promise.all(bundles.map((bundle) => here.unpack(image.reference, bundle)));
  t.deepEqual(
    ended.map(({ status, stderr }) => (status === 0 ? '' : stderr)),
    bundles.map(() => ''),
  );
  const extracted = ended.reduce((sum, finished) => sum + 3 - skipped(finished), 0);
  t.is(extracted, 3);
  const [first, ...others] = bundles.map((bundle) => treeOf(here.rootfs(bundle)));
  t.is(first!.size, 1 + 50 + 1800);
  for (const tree of others) t.deepEqual(diffTrees(first!, tree), []);
});

test.serial(
  'after kill -9 at any moment the same command works, and no half layer is in the store',
  async (t) => {
    const image = bigImage(t);
    const here = place(t);
    let killed = 0;
    for (const wait of [120, 250, 400, 500, 600, 750, 900]) {
      const started = (pid: number) => {
        setTimeout(() => signalIfRunning(pid, 'SIGKILL'), wait);
      };
      const finished = await here.unpack(image.reference, `b${wait}`, { started });
      if (finished.signal === 'SIGKILL') killed++;
    }
    t.true(killed > 0, 'it was killed while it worked');
    await succeed(t, here.unpack(image.reference, 'last'));
    const plain = join(here.directory, 'plain');
    await succeed(t, layerhook(['unpack', '--image', image.reference, plain]));
    t.deepEqual(diffTrees(treeOf(here.rootfs('last')), treeOf(join(plain, 'rootfs'))), []);
  },
);

test('a layer that cannot be extracted leaves nothing but the layers below it', async (t) => {
  const image = buildImage(t, [
    [file('a')],
    [{ name: 'b', type: 'hardlink', linkname: 'nowhere' }],
    [file('c')],
  ]);
  const here = place(t);
  assertError(t, await here.unpack(image.reference, 'bundle'), 'LAYER_ENTRY');
  t.deepEqual(here.mounts(), []);
  t.false(existsSync(join(here.directory, 'bundle')));
  const kinds = await here.withStore(async (store) => {
    const found: string[] = [];
    for await (const { kind } of store.walk()) found.push(kind);
    return found;
  });
  t.deepEqual(
    kinds.filter((kind) => kind !== 'committed'),
    [],
  );
});

test('a layer is shared on top of other layers if it takes the same from them', async (t) => {
  const app = [file('opt/app/bin', 'x'), file('opt/.wh.old')];
  const base = (text: string, mode: number) => [
    dir('.', { mtime: 5 }),
    dir('opt', { mode }),
    file('opt/old', text),
  ];
  const here = place(t);
  const unpack = async (name: string, layers: RawEntry[][]) => {
    const image = buildImage(t, layers);
    // the lower layer is there when the upper one is looked for
    await succeed(t, here.unpack(buildImage(t, layers.slice(0, 1)).reference, `${name}-base`));
    const finished = await here.unpack(image.reference, name);
    const plain = join(here.directory, `${name}-plain`);
    await succeed(t, layerhook(['unpack', '--image', image.reference, plain]));
    t.deepEqual(diffTrees(treeOf(here.rootfs(name)), treeOf(join(plain, 'rootfs'))), []);
    return skipped(finished);
  };
  t.is(await unpack('first', [base('one', 0o750), app]), 1);
  t.is(await unpack('same', [base('two', 0o750), app]), 2);
  t.is(await unpack('other', [base('two', 0o700), app]), 1);
});

rootTest(
  'layers of --keep-dirlinks can be verified: whiteouts, opaque directories, copied up files',
  async (t) => {
    const here = place(t);
    const image = buildImage(t, [
      [file('real/a', 'a'), file('real/b', 'b'), file('old/x', 'x'), file('c', 'c'), symlink('l', 'real')],
      [dir('l'), file('l/.wh.b'), file('old/.wh..wh..opq'), file('old/y', 'y'), hardlink('d', 'c')],
    ]);
    await succeed(t, here.unpack(image.reference, 'kept', { args: ['--keep-dirlinks'] }));
    const verify = () => layerhook(['store', 'verify', '--store', here.store]);
    const whole = await verify();
    t.is(whole.status, 0, whole.stderr);
    t.is(whole.stderr, '');
    t.is(whole.stdout.match(/: unchanged$/gm)?.length, 2);
    const [top] = await here.withStore((store) => store.list());
    writeFileSync(join(top!.directory, 'new'), '');
    const damaged = await verify();
    t.is(damaged.status, 1);
    t.regex(damaged.stdout, /damaged in/);
  },
);

test('--keep-dirlinks keeps symlinks of the layers below', async (t) => {
  const layers = [
    [dir('usr'), dir('usr/bin'), symlink('bin', 'usr/bin'), file('usr/bin/a')],
    [dir('bin'), file('bin/b'), file('bin/.wh.a')],
  ];
  const image = buildImage(t, layers);
  const here = place(t);
  const plain = join(here.directory, 'plain');
  await succeed(t, layerhook(['unpack', '--keep-dirlinks', '--image', image.reference, plain]));
  for (const bundle of ['one', 'two']) {
    const finished = await here.unpack(image.reference, bundle, { args: ['--keep-dirlinks'] });
    t.is(finished.status, 0, finished.stderr);
    t.deepEqual(diffTrees(treeOf(here.rootfs(bundle)), treeOf(join(plain, 'rootfs'))), []);
  }
  await succeed(t, here.unpack(image.reference, 'without'));
  t.false(existsSync(join(here.rootfs('without'), 'usr/bin/b')));
});

for (const args of [[], ['--keep-dirlinks']]) {
  rootTest(`attributes and devices of an image never act on the overlay: ${args}`, async (t) => {
    const here = place(t);
    const attributes = (marks: Record<string, string>) => {
      const rows = Object.entries(marks);
      return { xattrs: Object.fromEntries(rows.map(([name, value]) => [`trusted.overlay.${name}`, value])) };
    };
    const canary = [dir('canary'), file('canary/secret', 'secret'), symlink('l', 'canary')];
    const acting: RawEntry[] = [
      dir('canary', attributes({ opaque: 'y' })),
      dir('stolen', attributes({ redirect: '/canary' })),
      file('copied', '', attributes({ metacopy: '', redirect: '/canary/secret' })),
      file('canary/new', '', attributes({ whiteout: 'y' })),
      dir('l', attributes({ opaque: 'y' })),
    ];
    for (const [name, layers] of Object.entries({
      lowest: [[...canary, ...acting], [file('x')]],
      higher: [canary, acting],
      moved: [canary, [file('l/new'), ...acting]],
    })) {
      const { reference } = buildImage(t, layers);
      await succeed(t, here.unpack(reference, name, { args }));
      const plain = join(here.directory, `${name}-plain`);
      await succeed(t, layerhook(['unpack', ...args, '--image', reference, plain]));
      const differences = diffTrees(treeOf(here.rootfs(name)), treeOf(join(plain, 'rootfs')));
      t.deepEqual(differences, [], name);
      t.is(readFileSync(join(here.rootfs(name), 'canary/secret'), 'utf8'), 'secret');
    }
    for (const layer of await here.withStore((store) => store.list())) {
      for (const [path, { xattrs = {} }] of treeOf(layer.directory)) {
        // the kernel marks the root, and layerhook a directory that replaces a symlink
        const own = path === 'l' || path === '.' ? ['opaque', 'uuid', 'impure', 'origin'] : [];
        const names = Object.keys(xattrs).filter((name) => /^trusted\.overlay\.(?!overlay\.)/.test(name));
        const marks = names.filter((name) => !own.includes(name.slice('trusted.overlay.'.length)));
        t.deepEqual(marks, [], path);
      }
    }
    const device: RawEntry = { name: 'canary/secret', type: 'char', devMajor: 0, devMinor: 0 };
    for (const layers of [[[device]], [canary, [device]], [canary, [{ ...device, name: 'l/secret' }]]]) {
      assertError(t, await here.unpack(buildImage(t, layers).reference, 'refused', { args }), 'LAYER_ENTRY');
    }
  });
}

test('an image of 130 layers', async (t) => {
  const layers = Array.from({ length: 130 }, (_, i) => [file(`d/f${i}`, String(i)), file(`d/.wh.f${i - 2}`)]);
  const image = buildImage(t, layers, { blob: (bytes) => bytes });
  const here = place(t);
  const finished = await here.unpack(image.reference, 'bundle');
  t.is(finished.status, 0, finished.stderr);
  t.deepEqual([...treeOf(here.rootfs('bundle')).keys()], ['.', 'd', 'd/f128', 'd/f129']);
  t.is(skipped(await here.unpack(image.reference, 'again')), 130);
});

test('a full disk leaves a store that works', async (t) => {
  const image = bigImage(t);
  const here = place(t);
  const disk = join(here.directory, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
  const small = place(t, disk);
  assertError(t, await small.unpack(image.reference, 'bundle'), 'NO_SPACE');
  t.deepEqual(small.mounts(), []);
  const little = buildImage(t, [[file('a', 'little')]]);
  await succeed(t, small.unpack(little.reference, 'bundle'));
  t.is(readFileSync(join(small.rootfs('bundle'), 'a'), 'utf8'), 'little');
});
