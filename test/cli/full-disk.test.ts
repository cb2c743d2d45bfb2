/** A command that fails for lack of space names the file system that is full, also by relative paths. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layerhook } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
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
  execFileSync('tar', ['-cf', 'root.tar', 'file'], { cwd });
  execFileSync('sh', ['-c', 'cat /dev/zero > filler || :'], { cwd: disk, stdio: 'ignore' });
  const image = ['--image', 'disk/layout:latest'];
  for (const command of [
    ['insert', ...image, 'file', '/file'],
    ['copy', 'source:latest', 'disk/layout:copy'],
    ['copy', 'source:latest', 'disk/other:copy'],
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
