/** A command that creates the parents of its result, and fails: the parents are removed. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Finished, layerhook, mainFile, refused, run, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { stopped } from '../hooks/archive/setup.js';
import { sh } from '../overlay/mounted.js';

/** An image whose layer is cut off. */
function damagedImage(t: ExecutionContext): string {
  const { layout, reference } = buildImage(t, [[{ name: 'a', content: 'a'.repeat(1000) }]]);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const manifest = JSON.parse(readFileSync(blob(index.manifests[0].digest), 'utf8'));
  truncateSync(blob(manifest.layers[0].digest), 20);
  return reference;
}

const damaged: Record<string, (image: string, at: string) => string[]> = {
  unpack: (image, at) => ['unpack', '--image', image, at],
  'unpack --driver overlay': (image, at) => ['unpack', '--driver', 'overlay', '--image', image, at],
  'unpack --driver erofs': (image, at) => ['unpack', '--driver', 'erofs', '--image', image, at],
  'raw unpack': (image, at) => ['raw', 'unpack', '--image', image, at],
  copy: (image, at) => ['copy', image, `${at}:copy`],
  'copy to an archive': (image, at) => ['copy', image, `oci-archive:${at}:copy`],
};

for (const [what, args] of Object.entries(damaged))
  test(`${what}: a damaged layer`, async (t) => {
    if (!requires(t, 'root')) return;
    const dir = tmpdir(t);
    const command = args(damagedImage(t), join(dir, 'a/b/c'));
    const store = command[0] === 'unpack' ? ['--store', tmpdir(t)] : [];
    await refused(t, layerhook([...command, ...store]), /blob|layer/);
    t.deepEqual(readdirSync(dir), []);
  });

/** Runs layerhook with a system call that fails. */
function withFault(inject: string, args: string[]): Promise<Finished> {
  const words = [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${inject.split(':')[0]}`,
    '-e',
    `inject=${inject}`,
  ];
  const env = { XDG_CONFIG_HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' };
  return run('strace', [...words, process.execPath, mainFile, ...args], { env });
}

const faulty: Record<string, (at: string) => string[]> = {
  init: (at) => ['init', '--layout', at],
  'ctk install': (at) => ['ctk', 'install', '--prefix', at],
  'ctk config': (at) => ['ctk', 'config', '--set', 'log-level=debug', '--config-file', join(at, 'd/f')],
  'hooks install': (at) => ['hooks', 'install', 'archive-overlay', '--hooks-dir', at],
};

for (const [what, args] of Object.entries(faulty))
  test(`${what}: a rename that fails`, async (t) => {
    if (!requires(t, 'strace')) return;
    const dir = tmpdir(t);
    const finished = withFault('rename,renameat2:error=EIO', args(join(dir, 'a/b/c')));
    await refused(t, finished, /i\/o error \(EIO\)/);
    t.deepEqual(readdirSync(dir), []);
  });

for (const method of ['copy', 'tar'])
  test(`archive_overlay: a ${method} that fails`, (t) => {
    if (!requires(t, 'root', 'strace')) return;
    const { out, start, traced, merged, upperdir } = stopped(t, (at) => sh(at('.'), 'echo a > a'));
    sh(merged, 'mkdir d; echo x > d/x');
    start({ data: { 'mount-point': '/data', 'archive-to': join(out, 'a/b/data'), method } });
    const failing = ['-e', 'trace=openat', '-e', 'inject=openat:error=EIO', '-P', join(upperdir, 'd')];
    const { status, log } = traced('strace', '-f', '-qq', '-o', '/dev/null', ...failing);
    t.is(status, 1, log);
    t.deepEqual(readdirSync(out), []);
  });

test('a parent that has a file of another program stays', async (t) => {
  const dir = tmpdir(t);
  const hooks = join(dir, 'hooks.toml');
  const script = join(dir, 'hook.sh');
  writeFileSync(script, `#!/bin/sh\ntouch "${dir}/a/b/file"; exit 1\n`, { mode: 0o755 });
  writeFileSync(
    hooks,
    `[[hook]]\nname = "h"\npoint = ["unpack.ociv1.bundle.config"]\nexec = [${JSON.stringify(script)}]\n`,
  );
  const { reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const unpack = ['unpack', '--image', reference, join(dir, 'a/b/c')];
  await refused(t, layerhook(['--hooks', hooks, ...unpack]), /hook h/);
  t.deepEqual(readdirSync(join(dir, 'a/b')), ['file']);
  await succeed(t, layerhook(unpack));
  t.deepEqual(readdirSync(join(dir, 'a/b')).sort(), ['c', 'file']);
});
