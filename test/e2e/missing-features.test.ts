/** Hosts and containers that lack something: extended attributes, device nodes, overlayfs. A command does without, or says what it needs. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Finished, mainFile, refused, run, succeed } from '../helpers/cli.js';
import { buildImage, type RawLayer } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const xattrCalls = [
  'setxattr',
  'lsetxattr',
  'fsetxattr',
  'listxattr',
  'llistxattr',
  'flistxattr',
  'getxattr',
];

/** Programs under which a command runs. */
const without = {
  xattrs: strace(xattrCalls, 'EOPNOTSUPP'),
  overlayfs: strace(['mount', 'fsopen'], 'ENODEV'),
  mknod: strace(['mknod', 'mknodat'], 'EPERM'),
  CAP_MKNOD: ['setpriv', '--bounding-set', '-mknod', '--inh-caps', '-mknod'],
};

function strace(calls: string[], error: string): string[] {
  const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}`];
  return ['strace', '-D', '-f', '-qq', '-o', '/dev/null', ...inject];
}

interface Place {
  dir: string;
  layout: string;
  bundle: string;
  /** Unpacks with a driver under a program. */
  unpack(driver: string, under: readonly string[]): Promise<Finished>;
  lh(under: readonly string[], ...args: string[]): Promise<Finished>;
}

function placeOf(t: ExecutionContext<unknown>, layers: RawLayer[]): Place {
  const { layout, reference } = buildImage(t, layers);
  const dir = tmpdir(t);
  const bundle = join(dir, 'b');
  const env = { XDG_CONFIG_HOME: '/nonexistent', LAYERHOOK_STORE: join(dir, 'store') };
  const lh = (under: readonly string[], ...args: string[]) => {
    const [program, ...rest] = [...under, process.execPath, mainFile, ...args] as [string, ...string[]];
    return run(program, rest, { env });
  };
  const unpack = (driver: string, under: readonly string[]) =>
    lh(under, 'unpack', '--driver', driver, '--image', reference, bundle);
  return { dir, layout, bundle, unpack, lh };
}

const plain: RawLayer[] = [
  [{ name: 'f', content: 'x', xattrs: { 'user.note': 'v' } }, { name: 'gone' }],
  [{ name: '.wh.gone' }],
];
const device: RawLayer[] = [[{ name: 'f' }, { name: 'null', type: 'char', devMajor: 1, devMinor: 3 }]];

rootTest('without extended attributes, copy unpacks with one warning, and repacks a change', async (t) => {
  if (!requires(t, 'strace')) return;
  const { layout, bundle, unpack, lh } = placeOf(t, plain);
  const { status, stderr } = await unpack('copy', without.xattrs);
  t.is(status, 0, stderr);
  t.regex(stderr, /^layerhook: warning: f: user\.note is not set, [^\n]*\n$/);
  t.deepEqual(readdirSync(join(bundle, 'rootfs')), ['f']);
  writeFileSync(join(bundle, 'rootfs/f'), 'changed');
  await succeed(t, lh(without.xattrs, 'repack', '--image', `${layout}:new`, bundle));
  t.is(await succeed(t, lh([], 'cat', `${layout}:new`, 'f')), 'changed');
});

for (const driver of ['overlay', 'erofs'])
  rootTest(`without overlayfs, ${driver} names what is missing, and leaves no bundle`, async (t) => {
    if (!requires(t, 'strace')) return;
    const { dir, unpack } = placeOf(t, plain);
    await refused(
      t,
      unpack(driver, without.overlayfs),
      /the kernel has no overlayfs; load the overlay module/,
    );
    t.deepEqual(
      readdirSync(dir).filter((name) => name !== 'store'),
      [],
    );
  });

for (const name of ['mknod', 'CAP_MKNOD'] as const)
  for (const driver of ['copy', 'overlay'])
    rootTest(`without ${name}, ${driver} names the device, and unpacks whiteouts`, async (t) => {
      if (!requires(t, without[name][0]!)) return;
      const { bundle, unpack } = placeOf(t, device);
      await refused(
        t,
        unpack(driver, without[name]),
        /: null: operation not permitted \(EPERM\); [^\n]*must allow it/,
      );
      t.false(existsSync(bundle));
      const other = placeOf(t, plain);
      await succeed(t, other.unpack(driver, without[name]));
      t.deepEqual(readdirSync(join(other.bundle, 'rootfs')), ['f']);
      await succeed(t, other.lh([], 'bundle', 'rm', other.bundle));
    });

for (const driver of ['copy', 'overlay', 'erofs'])
  rootTest(`without /proc, unpack --driver ${driver} says what to mount`, async (t) => {
    if (!requires(t, 'unshare')) return;
    const dir = tmpdir(t);
    const { reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
    const hidden = ['-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
    const args = ['unpack', '--driver', driver, '--store', tmpdir(t), '--image', reference, join(dir, 'a/b')];
    const { status, stderr } = await run('unshare', [...hidden, process.execPath, mainFile, ...args]);
    t.is(status, 11, stderr);
    t.regex(stderr, /(^|\n)layerhook: [^\n]*\/proc\/[^\n]*; mount proc on \/proc\n$/);
    t.deepEqual(readdirSync(dir), []);
  });
