/** Files of containers that a copy must not fail at, or must fail at with the reason. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ArchiveRequest, archiveUpperdir } from '../../../src/engine/archive/archive.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';

/** highest number of names that ext4 gives a file */
const mostLinks = 65_000;

function archive(upperdir: string, destination: string) {
  const request: ArchiveRequest = {
    ...{ state: { id: 'box' }, name: 'data', key: 'k', mountPoint: '/data', upperdir, lowerdirs: [] },
    ...{ destination, owner: '', replace: false },
    overlay: 'trusted',
    method: 'copy',
    whiteout: 'overlay',
  };
  return archiveUpperdir(request, { hooksFile: null });
}

test('a file with more names than the filesystem of the copy allows', async (t) => {
  if (!requires(t, 'root', 'mkfs.ext4')) return;
  const [upperdir, disk] = [join(tmpdir(t), 'upper'), ext4(t)];
  mkdirSync(upperdir);
  writeFileSync(join(upperdir, 'file'), 'content');
  for (let number = 0; number < mostLinks + 10; number++)
    linkSync(join(upperdir, 'file'), join(upperdir, `link ${number}`));
  const { archived } = await archive(upperdir, join(disk, 'copy'));
  const names = readdirSync(archived);
  t.is(names.length, mostLinks + 11);
  const counts = new Map<number, number>();
  for (const name of names) {
    const { nlink } = lstatSync(join(archived, name));
    counts.set(nlink, (counts.get(nlink) ?? 0) + 1);
  }
  t.deepEqual(
    [...counts].sort(([a], [b]) => a - b),
    [
      [11, 11],
      [mostLinks, mostLinks],
    ],
  );
  for (const name of ['file', `link ${mostLinks + 9}`, 'link 1', 'link 9999'])
    t.is(readFileSync(join(archived, name), 'utf8'), 'content', name);
});

test('a size that JavaScript cannot represent is refused with the reason', async (t) => {
  const dir = tmpdir(t);
  const upperdir = join(dir, 'upper');
  mkdirSync(upperdir);
  writeFileSync(join(upperdir, 'file'), '');
  try {
    execFileSync('truncate', ['-s', String(2n ** 53n + 1n), join(upperdir, 'file')], { stdio: 'ignore' });
  } catch {
    t.pass('this filesystem has no such files');
    return;
  }
  const expected = { code: 'SYSTEM', message: /cannot copy .*\/file .*EFBIG/ };
  await t.throwsAsync(archive(upperdir, join(dir, 'copy')), expected);
  truncateSync(join(upperdir, 'file'), 1);
  await archive(upperdir, join(dir, 'copy'));
  t.deepEqual(readdirSync(dir).sort(), ['copy', 'upper']);
});

/** An ext4 with room for many names. */
function ext4(t: ExecutionContext): string {
  const dir = tmpdir(t);
  const [image, disk] = [join(dir, 'image'), join(dir, 'disk')];
  mkdirSync(disk);
  execFileSync('truncate', ['-s', '64M', image]);
  execFileSync('mkfs.ext4', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  t.teardown(() => void spawnSync('umount', ['-l', disk]));
  return disk;
}
