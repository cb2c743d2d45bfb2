/** The files of a bundle beside its rootfs, replaced by a container or another user: nothing blocks, nothing outside is read or written. */
import { lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mtreePath, readBundleMeta } from '../../../src/engine/bundle/metadata.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import { layerhook, refused, run, succeed } from '../../helpers/cli.js';
import { type HostileKind, putHostile } from '../../helpers/hostile-names.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { stopped } from '../../hooks/archive/setup.js';

const kinds: HostileKind[] = [
  'fifo',
  'socket',
  'device',
  'symlink to a fifo',
  'symlink to a file',
  'symlink to a directory',
  'dangling symlink',
  'directory of another user',
];

async function unpacked(t: ExecutionContext, driver: string) {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const image = buildImage(t, [[{ name: 'f', content: 'x' }]]).reference;
  const bundle = join(dir, 'bundle');
  const store = ['--store', join(dir, 'store')];
  await succeed(t, layerhook(['unpack', ...store, '--driver', driver, '--image', image, bundle]));
  writeFileSync(join(bundle, 'rootfs/f'), 'y');
  const repackArgs = ['repack', '--image', `${image}-2`, bundle];
  return { dir, bundle, image, repackArgs };
}

/** Replaces a file by something hostile. @returns asserts that the files outside are unchanged */
function replace(t: ExecutionContext, path: string, kind: HostileKind): (message: string) => void {
  rmSync(path, { force: true });
  const { outside } = putHostile(t, path, kind);
  const before = outside();
  return (message) => t.deepEqual(outside(), before, message);
}

for (const kind of kinds) {
  for (const name of ['umoci.json', 'layerhook.json', 'layerhook.overlay']) {
    rootTest(`${name} is a ${kind}`, async (t) => {
      const { bundle, repackArgs } = await unpacked(t, name === 'layerhook.overlay' ? 'overlay' : 'copy');
      const check = replace(t, join(bundle, name), kind);
      const message = new RegExp(`${name}: it is not a regular file`);
      for (const args of [
        repackArgs,
        [...repackArgs, '--refresh-bundle'],
        ['bundle', 'mount', bundle],
        ['bundle', 'umount', bundle],
        ['bundle', 'rm', bundle],
      ]) {
        await refused(t, layerhook(args), message);
        check(args.join(' '));
      }
      await succeed(t, layerhook(['bundle', 'rm', '--force', bundle]));
      check('rm --force');
      t.is(lstatSync(bundle, { throwIfNoEntry: false }), undefined);
    });
  }

  rootTest(`layerhook.index and layerhook.clock are a ${kind}`, async (t) => {
    const { bundle, repackArgs } = await unpacked(t, 'copy');
    const checks = ['layerhook.index', 'layerhook.clock'].map((name) => replace(t, join(bundle, name), kind));
    await succeed(t, layerhook(repackArgs));
    const refresh = layerhook([...repackArgs, '--refresh-bundle']);
    if (kind === 'directory of another user') await refused(t, refresh, /layerhook\.index/);
    else await succeed(t, refresh);
    for (const check of checks) check('repack');
    await succeed(t, layerhook(['bundle', 'rm', bundle]));
    for (const check of checks) check('rm');
  });

  rootTest(`the mtree manifest is a ${kind}`, async (t) => {
    const { bundle, repackArgs } = await unpacked(t, 'copy');
    const file = mtreePath(bundle, readBundleMeta(bundle).from.at(-1)!.digest);
    const check = replace(t, file, kind);
    rmSync(join(bundle, 'layerhook.index'));
    // a symlink that leads nowhere is as good as no manifest
    const message =
      kind === 'dangling symlink' ? /cannot determine what changed/ : /mtree: it is not a regular file/;
    await refused(t, layerhook(repackArgs), message);
    check('repack');
    await succeed(t, layerhook(['bundle', 'rm', bundle]));
    check('rm');
  });

  rootTest(`config.json is a ${kind}`, async (t) => {
    const { bundle, image } = await unpacked(t, 'copy');
    const check = replace(t, join(bundle, 'config.json'), kind);
    const hooks = join(bundle, '../hooks.toml');
    writeFileSync(hooks, '[[hook]]\npoint = "unpack.ociv1.bundle.config"\nexec = ["/bin/true"]\n');
    const handed = ['--hooks', hooks, 'hooks', 'run', '--bundle', bundle, '--image', image];
    const call = layerhook([...handed, 'unpack.ociv1.bundle.config']);
    await refused(t, call, /config\.json: it is not a regular file/);
    check('hooks run');
    await succeed(t, layerhook(['bundle', 'rm', bundle]));
    check('rm');
  });
}

for (const kind of ['fifo', 'symlink to a fifo'] as const) {
  rootTest(
    `config.json of a container is a ${kind}: neither the runtime wrapper nor archive_overlay waits for it`,
    async (t) => {
      const box = stopped(t, () => {});
      replace(t, join(box.bundle, 'config.json'), kind);
      const script = `import('${new URL('../../../src/inject/spec-file.js', import.meta.url)}')
      .then(({ readSpecFile }) => readSpecFile(process.argv[1]))`;
      const read = await run(process.execPath, ['-e', script, join(box.bundle, 'config.json')]);
      t.is(read.signal, null);
      t.regex(read.stderr, /it is not a regular file/);
      const shell = 'echo "$2" | "$0" "$1" --state-dir "$3"';
      const hook = resolve('dist/bundle/archive-overlay.cjs');
      const archived = await run('sh', ['-c', shell, process.execPath, hook, box.state, tmpdir(t)]);
      t.is(archived.signal, null);
      t.regex(archived.stderr + archived.stdout, /cannot be read: it is not a regular file/);
    },
  );
}

for (const driver of ['copy', 'overlay']) {
  rootTest(
    `a repack by the ${driver} driver writes nothing through symlinks with the names of its temporary files`,
    async (t) => {
      const { dir, bundle, image } = await unpacked(t, driver);
      const outside = join(dir, 'outside');
      mkdirSync(outside);
      const names = ['umoci.json', 'layerhook.json'].map((name) => `${name}.${process.pid}.tmp`);
      names.push('layerhook.clock', 'layerhook.index.tmp', 'layerhook.overlay.tmp');
      for (const name of names) {
        writeFileSync(join(outside, name), 'precious');
        symlinkSync(join(outside, name), join(bundle, name));
      }
      await repack({ image: `${image}-2`, bundle, refreshBundle: true, hooksFile: null });
      for (const name of names) t.is(lstatSync(join(outside, name)).size, 'precious'.length, name);
      for (const name of ['umoci.json', 'layerhook.json'])
        t.true(lstatSync(join(bundle, name)).isFile(), name);
    },
  );
}
