import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir as diskTmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { Directories } from '../../../src/store/context/directories.js';
import { Database } from '../../../src/store/metadata/database.js';
import { contents, putContent } from '../../../src/store/metadata/records.js';
import { readMountInfo } from '../../../src/system/mountinfo.js';
import { dir, file, hardlink } from '../../../src/testing/entries.js';
import { LayerModel } from '../../../src/testing/model.js';
import { signalIfRunning } from '../../helpers/at-work.js';
import { layerhook, refused, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tar } from '../../helpers/tar.js';
import { removeDirectory } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';

const layers = [
  [dir('etc', { mode: 0o711 }), file('etc/a', 'low'), file('b', 'b'.repeat(100_000)), file('gone')],
  [file('etc/c', 'high'), file('.wh.gone'), hardlink('linked', 'b')],
];

interface Place {
  image: string;
  store: string;
  bundle(name: string): string;
  rootfs(name: string): string;
  /** Runs layerhook with the erofs driver and this store. */
  run(...args: string[]): Promise<string>;
  unpack(name: string, ...args: string[]): Promise<string>;
  /** mount points below the place, by type */
  mounts(type: string): string[];
}

/** @param parent on a disk, where the kernel mounts images without loop devices; or on tmpfs */
function place(t: ExecutionContext<unknown>, parent = diskTmpdir()): Place {
  const directory = mkdtempSync(join(parent, 'layerhook-test-'));
  const store = join(directory, 'store');
  const hooks = join(directory, 'hooks.toml');
  writeFileSync(hooks, `store = "${store}"\n[driver]\nname = "erofs"\n`);
  const { reference } = buildImage(t, layers);
  const mountPoints = (type?: string) =>
    readMountInfo()
      .filter((mount) => mount.mountPoint.startsWith(`${directory}/`) && (type ?? mount.type) === mount.type)
      .map(({ mountPoint }) => mountPoint);
  t.teardown(() => {
    for (const path of mountPoints().reverse()) spawnSync('umount', ['-l', path]);
    removeDirectory(directory);
  });
  const bundle = (name: string) => join(directory, name);
  const run = (...args: string[]) => succeed(t, layerhook(['--hooks', hooks, ...args]));
  return {
    ...{ image: reference, store, bundle, run, mounts: mountPoints },
    rootfs: (name) => join(directory, name, 'rootfs'),
    unpack: (name, ...args) => run('unpack', '--image', reference, ...args, bundle(name)),
  };
}

const wanted = LayerModel.of(layers).tree();

for (const [where, parent] of [
  ['on a disk', diskTmpdir()],
  ['on tmpfs, through loop devices', '/dev/shm'],
] as const) {
  rootTest(
    `bundles share one mount for each layer, and the mounts go with the last bundle: ${where}`,
    async (t) => {
      const here = place(t, parent);
      for (const name of ['one', 'two']) {
        await here.unpack(name);
        t.deepEqual(diffTrees(treeOf(here.rootfs(name)), wanted), []);
      }
      t.is(here.mounts('erofs').length, layers.length);
      await here.run('bundle', 'umount', here.bundle('one'));
      t.is(here.mounts('erofs').length, layers.length);
      await here.run('bundle', 'rm', here.bundle('two'));
      t.deepEqual(here.mounts('erofs'), []);
      await here.run('bundle', 'mount', here.bundle('one'));
      t.deepEqual(diffTrees(treeOf(here.rootfs('one')), wanted), []);
      await here.run('bundle', 'rm', here.bundle('one'));
      t.deepEqual([here.mounts('erofs'), here.mounts('overlay')], [[], []]);
      await here.run('store', 'gc');
      t.deepEqual(readdirSync(join(here.store, 'snapshots')), []);
    },
  );
}

rootTest('mounts that another program removed, or a reboot, come back with the bundle', async (t) => {
  const here = place(t);
  await here.unpack('bundle');
  writeFileSync(join(here.rootfs('bundle'), 'change'), 'mine');
  for (const path of [...here.mounts('overlay'), ...here.mounts('erofs')]) execFileSync('umount', [path]);
  const db = new Database(new Directories(here.store).database);
  db.write((writer) => {
    for (const [id, record] of [...contents(writer)])
      putContent(writer, id, { ...record, boot: 'before', flushed: false });
  });
  db.close();
  await here.run('bundle', 'mount', here.bundle('bundle'));
  t.is(readFileSync(join(here.rootfs('bundle'), 'change'), 'utf8'), 'mine');
  t.is(readFileSync(join(here.rootfs('bundle'), 'etc/c'), 'utf8'), 'high');
});

rootTest('a repack with refresh stores the new layer as an image too', async (t) => {
  const here = place(t);
  await here.unpack('bundle');
  writeFileSync(join(here.rootfs('bundle'), 'etc/a'), 'changed');
  await here.run('bundle', 'umount', here.bundle('bundle'));
  t.deepEqual(here.mounts('erofs'), []);
  const image = here.image.replace(/:[^:]*$/, ':new');
  await here.run('repack', '--refresh-bundle', '--image', image, here.bundle('bundle'));
  const forms = JSON.parse(await here.run('store', 'ls', '--json')) as { erofs?: object }[];
  t.true(forms.length === 3 && forms.every(({ erofs }) => erofs !== undefined));
  await here.run('bundle', 'umount', here.bundle('bundle'));
  t.deepEqual(here.mounts('erofs'), []);
  await here.run('bundle', 'mount', here.bundle('bundle'));
  t.is(readFileSync(join(here.rootfs('bundle'), 'etc/a'), 'utf8'), 'changed');
});

rootTest(
  'store ls shows the form, store export gives the tar, store verify finds each damaged byte',
  async (t) => {
    const here = place(t);
    await here.unpack('bundle');
    const listed = await here.run('store', 'ls');
    t.is(listed.match(/ erofs /g)?.length, 2);
    t.regex(await here.run('store', 'verify'), /unchanged\n.*unchanged/);
    const bytes = tar(layers[0]!);
    const name = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    const out = here.bundle('out.tar');
    await here.run('store', 'export', name, out);
    t.true(readFileSync(out).equals(bytes));
    await refused(t, layerhook(['store', 'export', '--store', here.store, name, out]), /EEXIST/);
    const image = imageOf(here, bytes.length);
    const { size } = statSync(image);
    for (const [at, part] of [
      [2048 + 700, 'tar'],
      [size - 1, 'metadata'],
      [1024 + 48, 'metadata'],
    ] as const) {
      const whole = readFileSync(image);
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      writeFileSync(image, damaged);
      const { stdout, status } = await layerhook(['store', 'verify', '--dry-run', '--store', here.store]);
      t.is(status, 1);
      t.regex(stdout, new RegExp(`"layer.erofs": keyword "${part}"`));
      writeFileSync(image, whole);
    }
    t.regex(await here.run('store', 'verify'), /unchanged\n.*unchanged/);
  },
);

rootTest('a layer whose image is missing is unpacked again', async (t) => {
  const here = place(t);
  await here.unpack('one');
  await here.run('bundle', 'rm', here.bundle('one'));
  rmSync(imageOf(here, tar(layers[0]!).length));
  const listed = await here.run('store', 'ls');
  t.regex(listed, / missing /);
  await here.unpack('two');
  t.deepEqual(diffTrees(treeOf(here.rootfs('two')), wanted), []);
});

rootTest('--keep-dirlinks and ID maps', async (t) => {
  const here = place(t);
  const all = [
    [dir('real'), { name: 'link', type: 'symlink', linkname: 'real' }],
    [dir('link', { uid: 5 }), file('link/f')],
  ];
  const image = buildImage(t, all).reference;
  const maps = ['--uid-map', '0:1000:100', '--gid-map', '0:2000:100'];
  const trees = [];
  for (const driver of ['erofs', 'copy']) {
    const options = ['--store', here.store, '--keep-dirlinks', ...maps, '--driver', driver];
    await here.run('unpack', ...options, '--image', image, here.bundle(driver));
    trees.push(treeOf(here.rootfs(driver)));
  }
  t.deepEqual(diffTrees(trees[0]!, trees[1]!), []);
  t.is(trees[0]!.get('real/f')?.owner, '1000:2000');
});

rootTest('without EROFS mounts, the reason is given and layers are directories', async (t) => {
  const here = place(t);
  // a user namespace may mount overlays, but not EROFS
  const command = [
    process.execPath,
    'dist/src/cli/main.js',
    'unpack',
    '--driver',
    'erofs',
    '--store',
    here.store,
  ];
  const { status, stderr } = spawnSync(
    'unshare',
    ['--user', '--map-root-user', '--mount', ...command, '--image', here.image, here.bundle('bundle')],
    { encoding: 'utf8' },
  );
  t.is(status, 0, stderr);
  t.is(
    stderr.match(/EROFS images cannot be mounted, so layers are stored as directories: .*not permitted/g)
      ?.length,
    1,
  );
  t.regex(await succeed(t, layerhook(['store', 'ls', '--store', here.store])), /( directory .*\n.*){2}/);
});

rootTest(
  'a process that is killed at any moment leaves a store that works, and mounts that go',
  async (t) => {
    const here = place(t);
    const remove = () => here.run('bundle', 'rm', here.bundle('bundle'));
    for (let at = 0; at < 12; at++) {
      if (existsSync(here.rootfs('bundle'))) await remove();
      const args = ['unpack', '--driver', 'erofs', '--store', here.store, '--image', here.image];
      const started = async (pid: number) => {
        await sleep(80 + at * 25);
        signalIfRunning(pid, 'SIGKILL');
      };
      await layerhook([...args, here.bundle('bundle')], { started });
    }
    if (existsSync(here.rootfs('bundle'))) await remove();
    await here.unpack('bundle');
    t.deepEqual(diffTrees(treeOf(here.rootfs('bundle')), wanted), []);
    await remove();
    await here.run('store', 'gc', '--missing-bundles');
    t.deepEqual(here.mounts('erofs'), []);
    t.deepEqual(readdirSync(join(here.store, 'snapshots')), []);
  },
);

/** Returns the image of the layer whose tar has this many bytes. */
function imageOf({ store }: Place, tarBytes: number): string {
  const images = readdirSync(join(store, 'snapshots'))
    .map((id) => join(store, 'snapshots', id, 'layer.erofs'))
    .filter((path) => existsSync(path));
  return images.find((path) => readFileSync(path).length > tarBytes + 2048)!;
}
