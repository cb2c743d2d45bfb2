/** A file system whose clock goes back (fuse2fs under libfaketime): no change is lost, though a file gets its former times again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { repack, unpack } from '../../../src/index.js';
import { layerhook, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';

interface Clocked {
  root: string;
  /** Stops the clock of the file system at a time, in seconds since the epoch. */
  stopAt(seconds: number): void;
}

const start = 1_800_000_000;

/** A file system with whole seconds, and a clock of its own, which runs from {@link start}. */
function clocked(t: ExecutionContext): Clocked {
  const dir = tmpdir(t);
  const at = (name: string) => join(dir, name);
  const root = at('mnt');
  const text = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  writeFileSync(at('clock'), `@${text(start)}`);
  writeFileSync(at('image'), '');
  truncateSync(at('image'), 2 ** 26);
  // inodes of 128 bytes have no fractions of seconds
  execFileSync('mkfs.ext4', ['-q', '-F', '-I', '128', at('image')], { stdio: 'ignore' });
  mkdirSync(root);
  const fake = {
    FAKETIME_TIMESTAMP_FILE: at('clock'),
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DISABLE_SHM: '1',
    // what the program faketime sets; the dynamic loader replaces $LIB
    LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
  };
  execFileSync('fuse2fs', [at('image'), root, '-o', 'fakeroot'], {
    env: { ...process.env, ...fake, TZ: 'UTC' },
    stdio: 'ignore',
  });
  t.teardown(() => spawnSync('umount', ['-l', root]));
  return { root, stopAt: (seconds) => writeFileSync(at('clock'), text(seconds)) };
}

for (const mtree of ['always', 'never'] as const)
  test(`a clock that was set back between unpack and repack, mtree ${mtree}`, async (t) => {
    if (!requires(t, 'root', 'fuse2fs', 'faketime', 'mkfs.ext4')) return;
    const { root, stopAt } = clocked(t);
    const { layout, reference } = buildImage(t, [
      ['a', 'b', 'd/c'].map((name) => ({ name, content: 'old' })),
    ]);
    const bundle = join(root, 'bundle');
    await unpack({ image: reference, bundle, mtree, hooksFile: null });
    const file = join(bundle, 'rootfs/d/c');
    const { ctimeMs, atime, mtime, ino } = statSync(file);
    stopAt(ctimeMs / 1000);
    writeFileSync(file, 'new');
    utimesSync(file, atime, mtime);
    const { ctimeMs: ctimeNow, ino: inoNow } = statSync(file);
    t.deepEqual([ctimeNow, inoNow], [ctimeMs, ino], 'the file has all its former times');
    for (const [tag, refreshBundle] of [
      ['seen', false],
      ['refreshed', true],
    ] as const) {
      await repack({ image: `${layout}:${tag}`, bundle, refreshBundle, hooksFile: null });
      t.is(await succeed(t, layerhook(['cat', `${layout}:${tag}`, 'd/c'])), 'new', tag);
    }
    // the clock goes back further after a refresh
    stopAt(start - 1000);
    writeFileSync(join(bundle, 'rootfs/a'), 'new');
    await repack({ image: `${layout}:last`, bundle, hooksFile: null });
    t.is(await succeed(t, layerhook(['cat', `${layout}:last`, 'a'])), 'new');
  });
