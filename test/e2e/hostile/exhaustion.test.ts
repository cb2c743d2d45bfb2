/** Layers that ask for too much: bombs (CVE-2026-59873), depth, counts, names longer than file systems have. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { layerhook } from '../../helpers/cli.js';
import { arena, assertError, unpackHostile } from '../../helpers/hostile.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tar } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';

rootTest('a gzip bomb that fills the disk leaves no files', async (t) => {
  const mount = join(tmpdir(t), 'mount');
  mkdirSync(mount);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mount]);
  t.teardown(() => void execFileSync('umount', [mount]));
  const before = treeOf(mount);
  const image = buildImage(t, [[{ name: 'zeros', content: Buffer.alloc(300_000_000) }]]);
  const finished = await layerhook(['unpack', '--image', image.reference, join(mount, 'bundle')]);
  assertError(t, finished, 'NO_SPACE');
  t.deepEqual(
    diffTrees(before, treeOf(mount), (_, field) => field === 'mtime'),
    [],
  );
});

rootTest('a tar that says it is larger than it is fails, however much it says', async (t) => {
  const { status } = await unpackHostile(t, () => [[{ name: 'a', content: 'x', size: 0o77777777777 }]]);
  t.not(status, 0);
});

rootTest('a directory a thousand levels deep is made', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [[{ name: `${'d/'.repeat(1000)}file` }]]);
  t.is(rootfs?.size, 1002);
});

rootTest(
  'a directory deeper than any path the system takes is made, or refused with nothing left',
  async (t) => {
    const place = arena(t);
    const image = buildImage(t, [[{ name: `${'d/'.repeat(5000)}file` }]]);
    const finished = await layerhook(['unpack', '--image', image.reference, place.bundle]);
    if (finished.status !== 0) t.deepEqual(readdirSync(place.bundles), []);
    t.notRegex(finished.stderr, /RangeError|node:internal/);
    execFileSync('rm', ['-rf', place.bundle]);
    place.assertUntouched();
  },
);

rootTest('a name of 256 bytes is one clear error', async (t) => {
  const { status } = await unpackHostile(t, () => [[{ name: 'n'.repeat(256) }]]);
  t.not(status, 0);
});

rootTest('many gzip members, empty ones among them, and zeros after the end are one layer', async (t) => {
  const bytes = Buffer.concat([tar([{ name: 'a', content: 'a' }]), Buffer.alloc(50_000)]);
  const { rootfs } = await unpackHostile(t, () => [bytes], {
    blob: (whole) => {
      const parts = [
        whole.subarray(0, 700),
        Buffer.alloc(0),
        whole.subarray(700, 1024),
        whole.subarray(1024),
      ];
      return Buffer.concat(parts.map((part) => gzipSync(part)));
    },
  });
  t.is(rootfs?.get('a')?.size, 1);
});
