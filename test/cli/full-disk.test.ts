/** A command that fails for lack of space names the file system that is full, also by relative paths. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { layerhook } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

rootTest('a full disk is named, not the place of the source', async (t) => {
  const cwd = tmpdir(t);
  const disk = join(cwd, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  t.teardown(() => execFileSync('umount', ['-l', disk]));
  const { layout } = buildImage(t, [[{ name: 'a', content: 'a' }], [{ name: 'b', content: 'b' }]]);
  for (const at of ['source', 'disk/layout']) cpSync(layout, join(cwd, at), { recursive: true });
  writeFileSync(join(cwd, 'file'), 'x');
  symlinkSync(disk, join(cwd, 'link'));
  execFileSync('tar', ['-cf', 'root.tar', 'file'], { cwd });
  execFileSync('sh', ['-c', 'cat /dev/zero > filler || :'], { cwd: disk, stdio: 'ignore' });
  const image = ['--image', 'disk/layout:latest'];
  for (const command of [
    ['insert', ...image, 'file', '/file'],
    ['copy', 'source:latest', 'disk/layout:copy'],
    ['copy', 'source:latest', 'disk/other:copy'],
    ['copy', 'source:latest', `oci-archive:${disk}/other.tar`],
    ['copy', 'source:latest', 'oci-archive:disk/other.tar'],
    ['copy', 'source:latest', 'link/other:copy'],
    ['import', '--image', 'disk/layout:import', 'root.tar'],
    ['config', ...image, '--config.user', 'a'],
    ['flatten', ...image],
    ['unpack', '--image', 'source:latest', 'disk/bundle'],
  ]) {
    const { status, stderr } = await layerhook(command, { cwd });
    t.is(status, 8, `${command.join(' ')}: ${stderr}`);
    t.true(stderr.includes(`, on the file system ${disk} (tmpfs, `), stderr);
  }
});

rootTest('a file system without inodes says so', async (t) => {
  const cwd = tmpdir(t);
  const disk = join(cwd, 'disk, of a user');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=8', 'tmpfs', disk]);
  t.teardown(() => execFileSync('umount', ['-l', disk]));
  const { reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  execFileSync('sh', ['-c', 'touch 1 2 3 4 5 6 7'], { cwd: disk });
  const { status, stderr } = await layerhook(['copy', reference, join(disk, 'layout')]);
  t.is(status, 8, stderr);
  t.regex(stderr, /, on the file system \S+\/disk, of a user \(tmpfs, .*, all 8 inodes are used\)/);
});

rootTest(
  'a store under an exceeded quota of btrfs is refused, and works after files are removed',
  async (t) => {
    if (!requires(t, 'mkfs.btrfs', 'btrfs')) return;
    const disk = quotaDisk(t);
    const { reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
    const store = ['--store', join(disk, 'store')];
    const bundle = join(disk, 'bundle');
    const unpacked = await layerhook([
      'unpack',
      '--driver',
      'overlay',
      ...store,
      '--image',
      reference,
      bundle,
    ]);
    t.is(unpacked.status, 0, unpacked.stderr);
    t.teardown(() => execFileSync('umount', ['-l', join(bundle, 'rootfs')]));
    execFileSync('sh', ['-c', 'cat /dev/zero > filler || :; sync -f .'], { cwd: disk, stdio: 'ignore' });
    for (const command of [
      ['store', 'ls', ...store],
      ['store', 'gc', ...store],
      ['bundle', 'ls', ...store],
    ]) {
      const { status, stderr } = await layerhook(command);
      t.is(status, 8, `${command.join(' ')}: ${stderr}`);
      t.regex(stderr, /, on the file system \S+ \(btrfs, .*, a quota is exceeded\)/);
    }
    rmSync(join(disk, 'filler'));
    execFileSync('sync', ['-f', disk]);
    const { status, stdout, stderr } = await layerhook(['store', 'ls', '--json', ...store]);
    t.is(status, 0, stderr);
    t.is(JSON.parse(stdout).length, 1);
  },
);

/** A subvolume of a btrfs with a quota of 16 MiB. */
function quotaDisk(t: ExecutionContext<unknown>): string {
  const at = tmpdir(t);
  const [image, mount] = [join(at, 'image'), join(at, 'mount')];
  writeFileSync(image, '');
  truncateSync(image, 300 * 1024 * 1024);
  mkdirSync(mount);
  execFileSync('mkfs.btrfs', [image], { stdio: 'ignore' });
  execFileSync('mount', ['-o', 'loop', image, mount]);
  t.teardown(() => execFileSync('umount', ['-l', mount]));
  const subvolume = join(mount, 'subvolume');
  execFileSync('btrfs', ['subvolume', 'create', subvolume], { stdio: 'ignore' });
  execFileSync('btrfs', ['quota', 'enable', mount], { stdio: 'ignore' });
  execFileSync('btrfs', ['qgroup', 'limit', '16M', subvolume], { stdio: 'ignore' });
  return subvolume;
}
