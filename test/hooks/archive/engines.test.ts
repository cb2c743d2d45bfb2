import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unpack } from '../../../src/index.js';
import { fillRootfs } from '../../demo/rootfs.js';
import { layerhook, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { mounted, sh } from '../../overlay/mounted.js';
import { annotationsOf, script, stopped } from './setup.js';

const base = 'echo a > a; mkdir -p old d; echo o > old/o; echo b > d/b';
const change = 'rm /data/a; rm -r /data/old; mkdir /data/old; echo n > /data/old/n; echo new > /data/d/new';

test.serial(
  'podman, with crun, an image mounted to be written to, and what hooks install writes',
  async (t) => {
    if (!requires(t, 'root', 'podman', 'crun', 'unshare', 'ldd')) return;
    const dir = tmpdir(t);
    const [rootfs, data, hooks, out] = ['rootfs', 'data', 'hooks.d', 'out'].map((name) =>
      join(dir, name),
    ) as [string, string, string, string];
    for (const made of [rootfs, data, out]) mkdirSync(made);
    fillRootfs(rootfs);
    sh(data, base);
    const { layout } = buildImage(t, [tarOf(data)]);
    const install = [
      'hooks',
      'install',
      'archive-overlay',
      '--hooks-dir',
      hooks,
      '--state-dir',
      join(dir, 'state'),
    ];
    await succeed(t, layerhook(install));
    const archive = (to: string, method: string) => ({ 'mount-point': '/data', 'archive-to': to, method });
    const annotations = annotationsOf({
      data: { ...archive(join(out, 'copy'), 'copy'), success: join(out, 'ok') },
      image: archive(`${layout}:latest`, 'oci'),
    });
    const podman = `podman --root ${dir}/p --runroot ${dir}/pr --runtime crun --storage-driver overlay --hooks-dir ${hooks}`;
    const words = Object.entries(annotations).map((row) => `--annotation ${row.join('=')}`);
    const log = inPrivate(`
    umount /sys/fs/cgroup/unified 2>/dev/null || true
    tar -C ${rootfs} -c . | ${podman} import -q - box
    tar -C ${data} -c . | ${podman} import -q - data
    ${podman} run --rm --cgroups=disabled --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
      --mount type=image,source=data,destination=/data,rw=true ${words.join(' ')} box /bin/sh -c '${change}'
    ${podman} rmi -af; umount -l ${dir}/p/overlay 2>/dev/null || true`);
    t.true(existsSync(join(out, 'ok')), log);
    t.deepEqual(readdirSync(join(out, 'copy')).sort(), ['a', 'd', 'old']);
    t.is(treeOf(join(out, 'copy')).get('a')!.device, '0,0');
    sh(data, change.replaceAll('/data', '.'));
    await isImageOf(t, layout, data);
  },
);

test.serial('podman, a root filesystem of so many layers that its mount has relative paths', async (t) => {
  if (!requires(t, 'root', 'podman', 'crun', 'unshare', 'ldd')) return;
  const dir = tmpdir(t);
  const [rootfs, out] = [join(dir, 'rootfs'), join(dir, 'out')];
  for (const made of [rootfs, out]) mkdirSync(made);
  fillRootfs(rootfs);
  mkdirSync(join(rootfs, 'data'));
  const many = Array.from({ length: 70 }, (_, at) => [{ name: `data/${at}`, content: String(at) }]);
  const { layout } = buildImage(t, [tarOf(rootfs), ...many]);
  // podman calls an image of a layout by its path, which must be lowercase
  await succeed(t, layerhook(['copy', `${layout}:latest`, `oci-archive:${dir}/tar`]));
  const hooks = join(dir, 'hooks.d');
  const state = ['--state-dir', join(dir, 'state')];
  await succeed(t, layerhook(['hooks', 'install', 'archive-overlay', '--hooks-dir', hooks, ...state]));
  const archive = (to: string, method: string) => ({ 'mount-point': '/', 'archive-to': to, method });
  const annotations = annotationsOf({
    data: archive(join(out, 'copy'), 'copy'),
    image: archive(`${layout}:latest`, 'oci'),
  });
  const podman = `podman --root ${dir}/p --runroot ${dir}/pr --runtime crun --storage-driver overlay --hooks-dir ${hooks}`;
  const words = Object.entries(annotations).map((row) => `--annotation ${row.join('=')}`);
  const log = inPrivate(`
    umount /sys/fs/cgroup/unified 2>/dev/null || true
    id=$(${podman} pull -q oci-archive:${dir}/tar)
    ${podman} run --rm --cgroups=disabled --network none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 \
      ${words.join(' ')} $id /bin/sh -c 'cat /proc/self/mounts; rm /data/3; echo new > /data/new'
    ${podman} rmi -af; umount -l ${dir}/p/overlay 2>/dev/null || true`);
  t.regex(log, /upperdir=[^/,]/, 'the engine mounts with relative paths');
  t.deepEqual(readdirSync(join(out, 'copy', 'data')).sort(), ['3', 'new']);
  const files = await layerhook(['ls-files', '--layer', '71', `${layout}:latest`]);
  t.true(files.stdout.includes('data/.wh.3\n') && files.stdout.includes('data/new\n'), files.stdout);
  t.false(files.stdout.includes('data/4\n'));
});

test.serial('runc, with the hook in config.json, archives a mount and the root filesystem', async (t) => {
  if (!requires(t, 'root', 'runc', 'ldd')) return;
  const box = mounted(t, [(at) => void fillRootfs(at('.'))]);
  const overlay = mounted(t, [(at) => void sh(at('.'), base)]);
  const dir = tmpdir(t);
  execFileSync('runc', ['spec'], { cwd: dir });
  const spec = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
  spec.process = {
    ...spec.process,
    terminal: false,
    args: ['/bin/sh', '-c', `${change}; echo r > /etc/made`],
  };
  spec.root = { path: box.merged };
  spec.mounts.push({ destination: '/data', type: 'bind', source: overlay.merged, options: ['rbind'] });
  spec.mounts = spec.mounts.filter(({ type }: { type: string }) => type !== 'cgroup');
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }: { type: string }) => type !== 'cgroup');
  spec.annotations = annotationsOf({
    data: { 'mount-point': '/data', 'archive-to': join(dir, 'data') },
    root: { 'mount-point': '/', 'archive-to': join(dir, 'root.tar.gz'), method: 'tar.gz' },
  });
  const args = [process.execPath, script, '--state-dir', join(dir, 'state')];
  spec.hooks = { poststop: [{ path: process.execPath, args }] };
  writeFileSync(join(dir, 'config.json'), JSON.stringify(spec));
  const { status, stderr } = spawnSync('runc', ['run', '--bundle', dir, `layerhook-archive-${process.pid}`], {
    encoding: 'utf8',
  });
  t.is(status, 0, stderr);
  t.deepEqual(diffTrees(treeOf(overlay.upperdir), treeOf(join(dir, 'data'))), []);
  const names = execFileSync('tar', ['-tf', join(dir, 'root.tar.gz')], { encoding: 'utf8' });
  t.true(names.split('\n').includes('./etc/made'), names);
});

test('fuse-overlayfs: the upperdir is found by the process that serves the mount', async (t) => {
  if (!requires(t, 'root', 'fuse-overlayfs')) return;
  const program = execFileSync('sh', ['-c', 'command -v fuse-overlayfs'], { encoding: 'utf8' }).trim();
  const container = stopped(t, (at) => sh(at('.'), base), {
    ...{ program: 'fuse-overlayfs', options: '', format: 'fuse' },
    mount: ({ merged }) => ({ type: 'bind', source: merged, options: ['rbind'] }),
  });
  const { merged, upperdir, out, stop, lowerdirs } = container;
  sh('/', change.replaceAll('/data', merged));
  const { layout } = buildImage(t, [tarOf(lowerdirs[0]!)]);
  const archive = (to: string, method: string) => ({ 'mount-point': '/data', 'archive-to': to, method });
  const wanted = {
    copy: archive(join(out, 'copy'), 'copy'),
    image: archive(`${layout}:latest`, 'oci'),
    tar: { ...archive(join(out, 'tar'), 'tar'), whiteout: 'oci' },
  };
  const wrong = stop(wanted, '--mount-program', '/usr/bin/true');
  t.is(wrong.status, 1);
  t.regex(wrong.log, /no upperdir found for \/data: .*nor a mount served by \/usr\/bin\/true/);
  const { status, log } = stop(wanted, '--mount-program', program);
  t.is(status, 0, log);
  t.deepEqual(diffTrees(treeOf(upperdir), treeOf(join(out, 'copy'))), []);
  const names = execFileSync('tar', ['-tf', join(out, 'tar')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  t.deepEqual(
    names.filter((name) => name.includes('.wh.')),
    ['./.wh.a', './old/.wh..wh..opq'],
  );
  await isImageOf(t, layout, merged);
});

rootTest("the options of config.json's mount give the upperdir after an unmount", (t) => {
  const { stop, merged, upperdir, out } = stopped(t, (at) => sh(at('.'), base), {
    mount: ({ upperdir, lowerdirs }) => ({
      ...{ type: 'overlay', source: 'overlay' },
      options: [`lowerdir=${lowerdirs.join(':')}`, `upperdir=${upperdir}`, 'workdir=/w', 'private'],
    }),
  });
  sh(merged, 'echo x > x');
  execFileSync('umount', [merged]);
  t.is(stop({ data: { 'mount-point': '/data', 'archive-to': join(out, 'copy') } }).status, 0);
  t.deepEqual(diffTrees(treeOf(upperdir), treeOf(join(out, 'copy'))), []);
});

test('hooks install writes once, and hooks uninstall removes only that file', async (t) => {
  const dir = join(tmpdir(t), 'a/hooks.d');
  const run = (command: string, ...more: string[]) =>
    layerhook(['hooks', command, 'archive-overlay', '--hooks-dir', dir, ...more]);
  const dry = await succeed(t, run('install', '--dry-run'));
  t.false(existsSync(dir));
  t.regex(await succeed(t, run('install')), /^wrote /);
  const file = join(dir, 'layerhook-archive-overlay.json');
  t.is(readFileSync(file, 'utf8'), dry);
  const { hook, stages, when } = JSON.parse(dry);
  t.deepEqual([hook.path, hook.args, stages], [process.execPath, [process.execPath, script], ['poststop']]);
  t.is(Object.keys(when.annotations).length, 2);
  t.regex(await succeed(t, run('install')), /is up to date/);
  t.regex(await succeed(t, run('install', '--syslog', '--log-level', 'debug')), /^wrote /);
  t.deepEqual(JSON.parse(readFileSync(file, 'utf8')).hook.args.slice(2), [
    '--log-level',
    'debug',
    '--syslog',
  ]);
  t.regex(await succeed(t, run('uninstall', '--dry-run')), /would remove/);
  t.regex(await succeed(t, run('uninstall')), /^removed /);
  t.deepEqual(readdirSync(dir), []);
  t.regex(await succeed(t, run('uninstall')), /does not exist/);
  writeFileSync(file, '{}');
  t.is((await run('install')).status, 2);
  t.is((await run('uninstall')).status, 2);
  t.is(readFileSync(file, 'utf8'), '{}');
  t.is((await layerhook(['hooks', 'install', 'other'])).status, 2);
});

/** Whether an image unpacks to what a directory has, but for times. */
async function isImageOf(t: ExecutionContext<unknown>, layout: string, directory: string): Promise<void> {
  const bundle = join(tmpdir(t), 'bundle');
  await unpack({ image: `${layout}:latest`, bundle, driver: 'copy', hooksFile: null });
  const [is, wanted] = [treeOf(join(bundle, 'rootfs')), treeOf(directory)];
  for (const tree of [is, wanted]) for (const entry of tree.values()) entry.mtime = '';
  t.deepEqual(diffTrees(wanted, is), []);
}

function tarOf(directory: string): Buffer {
  return execFileSync('tar', ['-C', directory, '-c', '.'], { maxBuffer: 2 ** 28 });
}

/** Runs a shell script where nothing that it mounts or unmounts is seen outside. */
function inPrivate(shell: string): string {
  const args = ['-m', '--propagation', 'private', 'sh', '-ec', `exec 2>&1\n${shell}`];
  const { status, stdout } = spawnSync('unshare', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ended with ${status}:\n${stdout}`);
  return stdout;
}
