import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LayerExtraction } from '../../src/store/types.js';
import { layerhook, refused as refusedRun } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { layer, nothingBelow, signal, storeAt, walkAll } from './helpers.js';

const MEGABYTE = 1024 * 1024;

for (const filesystem of ['ext4', 'btrfs'] as const) {
  test.serial(`a store on a full ${filesystem} says so once, stays whole, and can be emptied`, async (t) => {
    if (!requires(t, 'root', `mkfs.${filesystem}`)) return;
    const root = join(smallFilesystem(t, filesystem), 'store');
    const store = await storeAt(t, root);
    const done: number[] = [];
    for (let at = 0; ; at++) {
      const extraction = await store.extract(layer(String(at)), '', { signal }).catch(refused(t));
      if (!extraction || !(await fillAndCommit(extraction))) break;
      done.push(at);
    }
    t.true(done.length > 2);

    await t.throwsAsync(manySnapshots(store.prepare.bind(store)), { code: 'NO_SPACE' });
    const whole = await storeAt(t, root, { client: 'reader' });
    for (const at of done) {
      const file = join(await store.directory(layer(String(at)).chainID), 'file');
      t.is(readFileSync(file).length, MEGABYTE);
    }
    await store.cleanup();
    t.deepEqual(await walkAll(whole), []);
    t.true((await store.list()).every(({ names }) => names.length > 0));

    for (const { name } of await walkAll(store)) await store.remove(name);
    t.deepEqual(await store.list(), []);
    const again = await store.extract(layer('again'), '', { signal });
    t.true(await fillAndCommit(again!));
    t.true(await whole.find(layer('again'), '', nothingBelow));
  });
}

test.serial('on an almost full disk, a new store is refused with a clear error', async (t) => {
  if (!requires(t, 'root', 'mkfs.ext4')) return;
  const disk = smallFilesystem(t, 'ext4');
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]).reference;
  const filler = join(disk, 'filler');
  t.throws(() => execFileSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1k'], { stdio: 'ignore' }));
  const before = readdirSync(disk).length;
  for (let kilobytes = 8; kilobytes <= 120; kilobytes += 8) {
    truncateSync(filler, statSync(filler).size - kilobytes * 1024);
    const store = join(disk, 'store');
    const args = ['--driver', 'overlay', '--store', store, '--image', image, join(disk, 'bundle')];
    await refusedRun(t, layerhook(['unpack', ...args]), /no space left/);
    rmSync(store, { recursive: true, force: true });
    t.is(readdirSync(disk).length, before);
    appendFileSync(filler, Buffer.alloc(kilobytes * 1024));
  }
});

/** Extracts a megabyte; without room for it, discards the layer and returns false. */
async function fillAndCommit(extraction: LayerExtraction): Promise<boolean> {
  try {
    writeFileSync(join(extraction.target, 'file'), Buffer.alloc(MEGABYTE, 1));
    // a filesystem that allocates late says only now that it cannot
    execFileSync('sync', [join(extraction.target, 'file')], { stdio: 'ignore' });
  } catch {
    await extraction.discard();
    return false;
  }
  return extraction.commit({ parent: '', dependencies: [] }).then(
    () => true,
    () => false,
  );
}

function refused(t: ExecutionContext): (error: { code?: string }) => null {
  return ({ code }) => {
    t.is(code, 'NO_SPACE');
    return null;
  };
}

async function manySnapshots(prepare: (key: string, parent: string) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < 100_000; at++) await prepare(`key ${at}`, '');
}

/** A small filesystem in a file, mounted. */
function smallFilesystem(t: ExecutionContext, type: 'ext4' | 'btrfs'): string {
  const directory = tmpdir(t);
  const [image, mount] = [join(directory, 'image'), join(directory, 'mnt')];
  writeFileSync(image, '');
  truncateSync(image, { ext4: 24, btrfs: 128 }[type] * MEGABYTE);
  execFileSync(`mkfs.${type}`, [type === 'ext4' ? '-q' : '-f', image], { stdio: 'ignore' });
  mkdirSync(mount);
  execFileSync('mount', ['-o', 'loop', image, mount]);
  t.teardown(() => execFileSync('umount', ['-l', mount]));
  return mount;
}
