/** A store.mdb that LMDB would end the process with: it is refused, and nothing of the store is touched. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { whyInvalidDatabase } from '../../../src/store/metadata/check-file.js';
import { layerhook, refused } from '../../helpers/cli.js';
import { tmpdir } from '../../helpers/tmp.js';
import { commitFile, storeAt } from '../helpers.js';

const PAGE = 4096;

/** A closed store with `count` snapshots. */
async function closedStore(t: ExecutionContext, count: number): Promise<{ root: string; database: string }> {
  const root = join(tmpdir(t), 'store');
  const store = await storeAt(t, root);
  await commitFile(store, 'a');
  for (let at = 1; at < count; at++)
    await store.prepare(`${at}`, 'a', { labels: { some: 'text'.repeat(100) } });
  await store.close();
  return { root, database: join(root, 'metadata/store.mdb') };
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

const damages: [what: string, damage: (database: string) => void, reason: RegExp][] = [
  [
    'garbage',
    (file) => writeFileSync(file, Buffer.alloc(statSync(file).size, 'x')),
    /is not an LMDB database/,
  ],
  [
    'half of it',
    (file) => truncateSync(file, statSync(file).size / 2),
    /is (truncated or damaged|not an LMDB)/,
  ],
  ['a few bytes', (file) => truncateSync(file, 100), /is not an LMDB database/],
  ['nothing', (file) => truncateSync(file, 0), /it has snapshots, and \S+ is empty or missing/],
  ['no file', (file) => rmSync(file), /it has snapshots, and \S+ is empty or missing/],
  ['a directory', (file) => [rmSync(file), mkdirSync(file)], /store\.mdb is not a regular file/],
  [
    'a directory for a lock',
    (file) => [rmSync(`${file}-lock`), mkdirSync(`${file}-lock`)],
    /-lock is not a regular file/,
  ],
];
for (const [what, damage, reason] of damages) {
  test(`a store with ${what} in place of its metadata is refused and left alone`, async (t) => {
    const { root, database } = await closedStore(t, 2);
    damage(database);
    const before = filesBelow(root);
    for (const args of [
      ['store', 'ls'],
      ['store', 'gc'],
      ['bundle', 'ls'],
    ])
      await refused(t, layerhook([...args, '--store', root]), reason);
    t.deepEqual(filesBelow(root), before);
  });
}

test('a database of many pages: cut off anywhere, or with a page of another', async (t) => {
  const { database } = await closedStore(t, 60);
  t.is(whyInvalidDatabase(database), undefined);
  const whole = readFileSync(database);
  const used = lastPage(whole);
  t.true(used > 8);
  for (let pages = 1; pages <= used; pages++) {
    writeFileSync(database, whole.subarray(0, pages * PAGE));
    t.regex(
      String(whyInvalidDatabase(database)),
      /is truncated|is not an LMDB database/,
      `${pages} of ${used} pages`,
    );
  }
  const swapped = Buffer.from(whole);
  whole.copy(swapped, used * PAGE, 2 * PAGE, 3 * PAGE);
  writeFileSync(database, swapped);
  t.regex(String(whyInvalidDatabase(database)), /is truncated or damaged/);
});

/** A store whose first transaction a power loss has undone: the directory of its content is there, the database is empty. */
async function withoutFirstTransaction(t: ExecutionContext): Promise<{ root: string; content: string }> {
  const root = join(tmpdir(t), 'store');
  const store = await storeAt(t, root);
  await store.prepare('first', '');
  await store.close();
  truncateSync(join(root, 'metadata/store.mdb'), 0);
  return { root, content: join(root, 'snapshots', readdirSync(join(root, 'snapshots'))[0]!) };
}

test('a store that a power loss took in its first transaction is empty', async (t) => {
  const { root, content } = await withoutFirstTransaction(t);
  const store = await storeAt(t, root);
  // it gets the number of the former content
  await commitFile(store, 'a');
  await store.cleanup();
  t.is((await store.list()).length, 1);
  t.deepEqual(readdirSync(join(content, 'fs')), ['file']);
  t.deepEqual(readdirSync(join(root, 'removed')), []);
});

const used: [what: string, use: (content: string) => void][] = [
  ['a file', (content) => writeFileSync(join(content, 'fs/file'), '')],
  ['what a mount makes', (content) => mkdirSync(join(content, 'work/work'))],
  ['an image', (content) => writeFileSync(join(content, 'layer.erofs'), '')],
];
for (const [what, use] of used) {
  test(`a store without metadata whose only content has ${what} is refused`, async (t) => {
    const { root, content } = await withoutFirstTransaction(t);
    use(content);
    const before = filesBelow(root);
    await refused(t, layerhook(['store', 'gc', '--store', root]), /it has snapshots, and \S+ is empty/);
    t.deepEqual(filesBelow(root), before);
  });
}

test('other directories that have snapshots are not taken for stores', async (t) => {
  const root = join(tmpdir(t), 'io.containerd.snapshotter.v1.overlayfs');
  mkdirSync(join(root, 'snapshots/1'), { recursive: true });
  await refused(
    t,
    layerhook(['store', 'gc', '--store', root]),
    /cannot use .* as a layer store: it has snapshots/,
  );
  t.deepEqual(readdirSync(join(root, 'snapshots')), ['1']);
});

test('a store without the directories of its contents is listed all the same', async (t) => {
  const { root } = await closedStore(t, 3);
  rmSync(join(root, 'snapshots'), { recursive: true });
  for (const command of ['ls', 'du', 'gc', 'df']) {
    const { status, stderr } = await layerhook(['store', command, '--store', root]);
    t.is(status, 0, stderr);
  }
});

/** The highest page that the file has something of. */
function lastPage(file: Buffer): number {
  let page = file.length / PAGE - 1;
  while (file.readBigUInt64LE(page * PAGE) !== BigInt(page)) page -= 1;
  return page;
}
