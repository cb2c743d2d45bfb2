import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { TarReader } from '../../src/tar/index.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { readAll, readOne, sourceOf } from './read.js';

const octal = (value: number) => `${value.toString(8).padStart(11, '0')}\0`;

/** An old GNU sparse header: its map in the header, the rest of it in blocks that follow. */
function oldSparse(map: number[], realSize: number, more: number[][] = []): RawEntry {
  const extensions = more.map((part, i) => {
    const block = Buffer.alloc(512);
    block.write(part.map(octal).join(''), 'latin1');
    block[504] = i < more.length - 1 ? 1 : 0;
    return block;
  });
  const lengths = [...map, ...more.flat()].filter((_, i) => i % 2 === 1);
  const stored = lengths.reduce((sum, length) => sum + length, 0);
  return {
    name: 'sparse',
    type: 'S',
    format: 'gnu',
    size: stored,
    content: Buffer.concat([...extensions, Buffer.alloc(stored, 'D')]),
    patch(header) {
      header.write(map.map(octal).join(''), 386, 'latin1');
      header[482] = more.length > 0 ? 1 : 0;
      header.write(octal(realSize), 483, 'latin1');
    },
  };
}

function paxSparse(records: Record<string, string>, content: string): RawEntry {
  return { name: 'GNUSparseFile.1/sparse', content, pax: records };
}

function reasonOf(entry: RawEntry): string {
  try {
    readAll(tar([entry]));
  } catch (error) {
    if (isLayerhookError(error, 'TAR_INVALID')) return String(error.details.reason);
    throw error;
  }
  return 'accepted';
}

/** What the file of the map [3, 5, 1000, 4] with content of D is. */
function expected(size: number): Buffer {
  return Buffer.alloc(size).fill('D', 3, 8).fill('D', 1000, 1004);
}

test('old GNU sparse files', (t) => {
  const [entry, next] = readAll(tar([oldSparse([3, 5, 1000, 4], 2000), { name: 'next', content: 'n' }]));
  t.like(entry, { name: 'sparse', type: 'file', size: 2000, content: expected(2000) });
  t.like(next, { name: 'next', size: 1 });
});

test('old GNU sparse files whose map goes on in further blocks', (t) => {
  const stretches = Array.from({ length: 4 + 21 + 5 }, (_, i) => [i * 100, 7]).flat();
  const entry = oldSparse(stretches.slice(0, 8), 5000, [stretches.slice(8, 8 + 42), stretches.slice(8 + 42)]);
  const read = readAll(tar([entry, { name: 'next' }]), 700);
  const content = Buffer.alloc(5000);
  for (let i = 0; i < 30; i++) content.fill('D', i * 100, i * 100 + 7);
  t.true(read[0]?.content.equals(content));
  t.is(read[1]?.name, 'next');
});

test('PAX sparse 0.0: keywords that repeat', (t) => {
  const records = ['GNU.sparse.size=2000', 'GNU.sparse.numblocks=2'];
  for (const [offset, length] of [
    [3, 5],
    [1000, 4],
  ]) {
    records.push(`GNU.sparse.offset=${offset}`, `GNU.sparse.numbytes=${length}`);
  }
  const pax = records.map((record) => {
    const length = record.length + 2;
    return `${length + String(length + 2).length} ${record}\n`;
  });
  const entries = readAll(
    tar([
      { name: 'p', type: 'pax', content: pax.join('') },
      { name: 'sparse', content: 'D'.repeat(9) },
    ]),
  );
  t.like(entries[0], { name: 'sparse', size: 2000, content: expected(2000) });
});

test('PAX sparse 0.1: the map in one record, the name in another', (t) => {
  const records = {
    'GNU.sparse.major': '0',
    'GNU.sparse.minor': '1',
    'GNU.sparse.name': 'dir/sparse',
    'GNU.sparse.size': '2000',
    'GNU.sparse.numblocks': '2',
    'GNU.sparse.map': '3,5,1000,4',
  };
  const entry = readOne(tar([paxSparse(records, 'D'.repeat(9))]));
  t.like(entry, { name: 'dir/sparse', size: 2000, content: expected(2000) });
  const { 'GNU.sparse.major': _, 'GNU.sparse.minor': __, ...unversioned } = records;
  t.like(readOne(tar([paxSparse(unversioned, 'D'.repeat(9))])), { size: 2000, content: expected(2000) });
});

const version1 = {
  'GNU.sparse.major': '1',
  'GNU.sparse.minor': '0',
  'GNU.sparse.name': 'dir/sparse',
  'GNU.sparse.realsize': '2000',
};

test('PAX sparse 1.0: the map in front of the content', (t) => {
  const map = '2\n3\n5\n1000\n4\n'.padEnd(512, '\0');
  for (const chunk of [100, 512, 4096]) {
    const [entry, next] = readAll(tar([paxSparse(version1, `${map}DDDDDDDDD`), { name: 'next' }]), chunk);
    t.like(entry, { name: 'dir/sparse', size: 2000, content: expected(2000) });
    t.is(next?.name, 'next');
  }
});

test('PAX sparse 1.0: a map longer than a block', (t) => {
  const numbers = Array.from({ length: 200 }, (_, i) => `${i * 10}\n3\n`).join('');
  const text = `200\n${numbers}`;
  const map = text.padEnd(Math.ceil(text.length / 512) * 512, '\0');
  const entry = readOne(tar([paxSparse(version1, map + 'D'.repeat(600))]));
  const content = Buffer.alloc(2000);
  for (let i = 0; i < 200; i++) content.fill('D', i * 10, i * 10 + 3);
  t.true(entry.content.equals(content));
});

test('a file that is one hole has a size and no data', (t) => {
  t.like(readOne(tar([oldSparse([], 3000)])), { size: 3000, content: Buffer.alloc(3000) });
  t.like(readOne(tar([oldSparse([3000, 0], 3000)])), { size: 3000 });
  t.like(readOne(tar([paxSparse(version1, '0\n'.padEnd(512, '\0'))])), { size: 2000 });
});

test('holes are passed over: data comes with the offset it goes to', (t) => {
  const reader = new TarReader(sourceOf(tar([oldSparse([0, 0, 2 ** 31, 5, 2 ** 32, 4], 2 ** 32 + 100)])));
  t.is(reader.next()?.size, 2 ** 32 + 100);
  const pieces: [number, number][] = [];
  for (let piece = reader.readData(); piece !== null; piece = reader.readData()) {
    pieces.push([reader.dataOffset, piece.length]);
  }
  t.deepEqual(pieces, [
    [2 ** 31, 5],
    [2 ** 32, 4],
  ]);
});

test('maps that lie are refused', (t) => {
  const pax = (records: Record<string, string>, content = 'D'.repeat(9)) =>
    reasonOf(
      paxSparse({ ...version1, 'GNU.sparse.major': '0', 'GNU.sparse.minor': '1', ...records }, content),
    );
  const two = { 'GNU.sparse.numblocks': '2' };
  const malformed = 'a sparse map is malformed';
  t.is(pax({ ...two, 'GNU.sparse.map': '3,5,4,4' }), malformed, 'overlap');
  t.is(pax({ ...two, 'GNU.sparse.map': '1000,5,3,4' }), malformed, 'order');
  t.is(pax({ ...two, 'GNU.sparse.map': '3,5,1997,4' }), malformed, 'beyond the end');
  t.is(pax({ ...two, 'GNU.sparse.map': '-3,5,1000,4' }), malformed, 'negative offset');
  t.is(pax({ ...two, 'GNU.sparse.map': '3,-5,1000,14' }), malformed, 'negative length');
  t.is(pax({ ...two, 'GNU.sparse.map': '3,9007199254740992,1000,4' }), malformed, 'overflow');
  t.is(pax({ ...two, 'GNU.sparse.map': '3,5,1000,3' }), 'a sparse map has 8 bytes of data, the tar 9');
  t.is(pax({ ...two, 'GNU.sparse.map': '3,5,1000' }), 'GNU.sparse.numblocks does not match the sparse map');
  t.is(pax({ ...two, 'GNU.sparse.map': '3,5,x,4' }), 'a sparse map holds a malformed number');
  t.is(
    pax({ ...two, 'GNU.sparse.map': '3,5,1000,4', 'GNU.sparse.realsize': '-1' }),
    'a sparse file has no valid size',
  );
  t.is(pax({ 'GNU.sparse.minor': '7' }), 'GNU sparse version 0.7 is unknown');
  t.is(reasonOf(paxSparse(version1, '3\n1\n')), 'a sparse map is cut off');
  t.is(reasonOf(paxSparse(version1, 'x'.repeat(512))), 'a sparse map holds a malformed number');
  t.is(reasonOf(paxSparse(version1, '\n'.repeat(512))), 'a sparse map holds a malformed number');
  t.is(reasonOf(paxSparse(version1, '-1\n'.padEnd(512, '\0'))), 'a sparse map holds a malformed number');
  t.is(reasonOf({ ...oldSparse([3, 5], 100), format: 'pax' }), 'type S is a sparse file only in GNU headers');
  t.is(
    reasonOf({ name: 'd/', type: 'dir', pax: { ...two, 'GNU.sparse.map': '0,0,1,0' } }),
    'a directory has a sparse map',
  );
});

test('a map with millions of stretches costs no memory', (t) => {
  const entry = paxSparse(version1, `99999999\n${'0\n0\n'.repeat(400_000)}`);
  t.is(reasonOf(entry), 'a sparse map has over 65536 stretches');
});
