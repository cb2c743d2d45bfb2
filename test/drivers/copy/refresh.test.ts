import { existsSync, lstatSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import test from 'ava';
import { nextTick } from '../../../drivers/copy/clock.js';
import { compareStats } from '../../../drivers/copy/compare.js';
import { readStatIndex, type StatIndex, writeStatIndex } from '../../../drivers/copy/stat-index.js';
import type { Change } from '../../../src/layer/types.js';
import { statTree, statWord, statWords } from '../../../src/layer/walk/index.js';
import { makeBundle } from './bundle.js';

const newDigest = `sha256:${'2'.repeat(64)}`;

function changes(rows: string[]): Change[] {
  return rows.map((row) => {
    const [kind, path] = row.split(' ') as [Change['kind'], string];
    return { kind, path };
  });
}

test('after a refresh, packed changes are not found again', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    writeFileSync(at('gone'), '');
    mkdirSync(at('d/e'), { recursive: true });
  });
  writeFileSync(bundle.at('new'), '');
  rmSync(bundle.at('gone'));
  rmSync(bundle.at('d'), { recursive: true });
  writeFileSync(bundle.at('d'), '');
  const delta = (await bundle.delta())!;
  t.deepEqual(delta, ['add new', 'delete d/e', 'delete gone', 'modify .', 'modify d']);
  const mtree = bundle.manifest();
  // entries below a former directory need no whiteout: callers may leave them out
  await bundle.refresh(
    changes(delta).filter(({ path }) => path !== 'd/e'),
    newDigest,
  );
  t.is(await bundle.delta({ mtree }), undefined);
  t.deepEqual(await bundle.delta({ mtree, digest: newDigest }), []);
});

test('a file that changes between delta and refresh is found the next time', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), 'abc'));
  writeFileSync(bundle.at('f'), 'abd');
  const mtree = bundle.manifest();
  const delta = (await bundle.delta())!;
  const { atime, mtime } = lstatSync(bundle.at('f'));
  writeFileSync(bundle.at('f'), 'abe');
  utimesSync(bundle.at('f'), atime, mtime);
  await bundle.refresh(changes(delta), newDigest);
  t.deepEqual(await bundle.delta({ mtree, digest: newDigest }), ['modify f']);
});

test('masked changes are still found after a refresh', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    mkdirSync(at('vol/gone'), { recursive: true });
    for (const name of ['vol/changed', 'vol/gone/x', 'other']) writeFileSync(at(name), '');
  });
  const { at } = bundle;
  writeFileSync(at('vol/changed'), 'changed');
  writeFileSync(at('vol/new'), '');
  rmSync(at('vol/gone'), { recursive: true });
  writeFileSync(at('other'), 'other');
  const packed = (await bundle.delta({ mask: ['/vol'] }))!;
  t.deepEqual(packed, ['modify other']);
  await bundle.refresh(changes(packed), newDigest);
  // `other` changed in the moment of the delta, so the manifest decides
  t.deepEqual(await bundle.delta({ digest: newDigest, mtree: bundle.manifest() }), [
    ...['add vol/new', 'delete vol/gone', 'modify vol', 'modify vol/changed'],
  ]);
});

test('a refresh that no delta went before removes the index', async (t) => {
  const bundle = await makeBundle(t);
  await bundle.refresh([]);
  t.false(existsSync(bundle.index));
});

test('a bundle without an index has one after a refresh, unless something was masked', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), ''));
  rmSync(bundle.index);
  t.is(await bundle.delta({ mask: ['/f'] }), undefined);
  await bundle.refresh([]);
  t.false(existsSync(bundle.index));
  t.is(await bundle.delta(), undefined);
  await bundle.refresh([]);
  t.deepEqual(await bundle.delta({ mtree: bundle.manifest() }), []);
});

test('a file that changed in the moment the index was made is looked at', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), 'abc'));
  const mtree = bundle.manifest();
  const { atime, mtime } = lstatSync(bundle.at('f'));
  writeFileSync(bundle.at('f'), 'abd');
  utimesSync(bundle.at('f'), atime, mtime);
  // as if stat had been taken before, with the clock standing still
  const { ctimeNs } = lstatSync(bundle.at('f'), { bigint: true });
  const clock = { sec: Number(ctimeNs / 1_000_000_000n), nsec: Number(ctimeNs % 1_000_000_000n) };
  // else the clock would have been set back
  await nextTick(dirname(bundle.rootfs));
  const index = readStatIndex(bundle.index)!;
  const table = statTree(bundle.rootfs);
  writeStatIndex(bundle.index, { ...index, ...table, tick: { ...clock, nsec: clock.nsec + 1 } });
  t.deepEqual(await bundle.delta({ mtree }), [], 'without the clock nothing would tell');
  writeStatIndex(bundle.index, { ...index, ...table, tick: clock });
  t.deepEqual(await bundle.delta({ mtree }), ['modify f']);
});

test('after unpacking no file is in doubt', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    for (let i = 0; i < 100; i++) writeFileSync(at(String(i)), '');
  });
  t.deepEqual(findings(readStatIndex(bundle.index)!, bundle.rootfs), []);
});

test('a new device number of the whole filesystem is ignored, of some files it is suspect', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), ''));
  const index = readStatIndex(bundle.index)!;
  for (let row = 0; row < index.paths.length; row++) index.words[row * statWords + statWord.devMinor]! += 7;
  t.deepEqual(findings(index, bundle.rootfs), []);
  index.words[statWords + statWord.devMinor]! += 7;
  t.deepEqual(findings(index, bundle.rootfs), ['suspect f']);
});

function findings(index: StatIndex, rootfs: string): string[] {
  const found: string[] = [];
  compareStats(index, statTree(rootfs), (finding, path) => found.push(`${finding} ${path}`));
  return found;
}
