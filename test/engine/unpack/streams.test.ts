import { spawn } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type CheckedEntry, unpack } from '../../../src/index.js';
import { dir, file, hardlink, symlink } from '../../../src/testing/entries.js';
import { tar } from '../../../src/testing/tar.js';
import { rootTest } from '../../helpers/root-test.js';
import { large, makeFifo, post, pre, setup, sh, small } from './streams.js';

rootTest('a file and a program get the bytes that the diffID covers, and nothing is extracted', async (t) => {
  const blob = (bytes: Buffer) =>
    Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
  const { work, bundle, run } = setup(t, [large, small, large, small], { blob });
  const at = (index: number) => join(work, `layer-${index}`);
  const seen: unknown[] = [];
  const result = await run(
    (index) =>
      index < 2
        ? { into: 'tar', target: at(index) }
        : { into: 'command', argv: sh('cat > "$1"', at(index)), target: at(index) },
    {
      hook: {
        [post]: ({ index, into, target, whiteouts, applied }) => {
          t.deepEqual(readFileSync(target), [large, small][index % 2]);
          seen.push([index, into, whiteouts, applied.bytes, applied.entries]);
        },
      },
    },
  );
  t.deepEqual(seen, [
    [0, 'tar', null, large.length, 2],
    [1, 'tar', null, small.length, 1],
    [2, 'command', null, large.length, 2],
    [3, 'command', null, small.length, 1],
  ]);
  t.like(result, { layers: 4, skipped: 0, entries: 6 });
  t.is(statSync(at(0)).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(join(bundle, 'rootfs')), []);
  t.deepEqual(readdirSync(work).sort(), ['bundle', 'layer-0', 'layer-1', 'layer-2', 'layer-3']);
  t.false(readdirSync(bundle).some((name) => name.startsWith('layerhook.entries')));
});

rootTest('a file may leave room before the tar', async (t) => {
  const { work, run } = setup(t, [large, small]);
  const at = (index: number) => join(work, `layer-${index}`);
  await run((index) => ({ into: 'tar', target: at(index), offset: 70_000 }));
  t.deepEqual(readFileSync(at(0)), Buffer.concat([Buffer.alloc(70_000), large]));
  t.deepEqual(readFileSync(at(1)), Buffer.concat([Buffer.alloc(70_000), small]));
  makeFifo(join(work, 'fifo'));
  await t.throwsAsync(
    run(() => ({ into: 'tar', target: join(work, 'fifo'), offset: 1 }), { bundle: join(work, 'other') }),
    { message: /fifo is a FIFO, which cannot have an offset/ },
  );
});

rootTest('a FIFO gets the bytes, whenever its reader comes', async (t) => {
  const { work, run } = setup(t, [large, small]);
  const at = (index: number) => join(work, `fifo-${index}`);
  const readers: Promise<unknown>[] = [];
  await run(
    (index) => {
      const script = index === 0 ? 'cat "$1" > "$1.copy"' : 'sleep 0.3; cat "$1" > "$1.copy"';
      makeFifo(at(index));
      const reader = spawn('/bin/sh', ['-c', script, 'sh', at(index)], { stdio: 'ignore' });
      readers.push(new Promise((resolve) => reader.once('exit', resolve)));
      return { into: 'tar', target: at(index) };
    },
    { hook: { [post]: ({ index, target }) => void t.is(target, at(index)) } },
  );
  t.deepEqual(await Promise.all(readers), [0, 0]);
  t.deepEqual(readFileSync(`${at(0)}.copy`), large);
  t.deepEqual(readFileSync(`${at(1)}.copy`), small);
});

const latin1Name = Buffer.from('caf\xe9', 'latin1').toString('latin1');
const manyEntries = [
  dir('./', { mode: 0o711 }),
  file('../../etc/passwd', 'p', {
    uid: 7,
    gid: 8,
    uname: 'u',
    mtime: 5.25,
    xattrs: { 'user.x': Buffer.from([0xff, 0]) },
  }),
  file(latin1Name, 'data'),
  symlink('l', '../x'),
  hardlink('h', './etc/../etc/passwd'),
  { name: 'c', type: 'char', devMajor: 1, devMinor: 3, mode: 0o4666 },
  file('etc/.wh.gone'),
  file('d/.wh..wh..opq'),
  file('.wh..wh.aufs'),
  {
    ...{ name: 'GNUSparseFile.0/s', content: `${'1\n1000\n3\n'.padEnd(512, '\0')}abc` },
    pax: {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 's',
      'GNU.sparse.realsize': '2000',
    },
  },
];

rootTest('entries are what the tar says, with clean names and the place of the data', async (t) => {
  const whole = tar(manyEntries);
  const { work, run } = setup(t, [whole]);
  const list: CheckedEntry[] = [];
  let listFile = '';
  await run(() => ({ into: 'tar', target: join(work, 'layer') }), {
    hook: {
      [post]: async ({ entries }) => {
        listFile = entries!.file;
        for await (const entry of entries!) list.push(entry);
      },
    },
  });
  t.false(existsSync(listFile));
  t.deepEqual(
    list.map(({ path, type }) => [path, type]),
    [
      ['.', 'directory'],
      ['etc/passwd', 'file'],
      [latin1Name, 'file'],
      ['l', 'symlink'],
      ['h', 'hardlink'],
      ['c', 'char'],
      ['etc/gone', 'whiteout'],
      ['d', 'opaque'],
      ['s', 'file'],
    ],
  );
  const [root, passwd, odd, link, hard, device, , , sparse] = list;
  t.is(root!.mode, 0o711);
  t.like(passwd, { uid: 7, gid: 8, uname: 'u', mtime: { sec: 5, nsec: 250_000_000 }, size: 1, sparse: null });
  t.deepEqual([...passwd!.xattrs], [['user.x', Buffer.from([0xff, 0])]]);
  const data = ({ offset, stored }: CheckedEntry) => whole.toString('latin1', offset, offset + stored);
  t.is(data(passwd!), 'p');
  t.is(data(odd!), 'data');
  t.is(link!.linkname, '../x');
  t.is(hard!.linkname, 'etc/passwd');
  t.like(device, { devMajor: 1, devMinor: 3, mode: 0o4666, size: 0 });
  t.like(sparse, { size: 2000, stored: 3, sparse: [1000, 3] });
  t.is(data(sparse!), 'abc');
});

/** A tar whose entries are listed long before its end, for which neither layerhook nor a pipe has room. */
const long = tar([...many(2000, 'first'), file('last', Buffer.alloc(8_000_000, 'x'))]);

function many(count: number, name: string): ReturnType<typeof file>[] {
  return Array.from({ length: count }, (_, at) => file(`${name}-${at}`));
}

rootTest('a hook reads the entries while the tar is written', async (t) => {
  const { work, run } = setup(t, [long, small]);
  const fifo = join(work, 'fifo');
  const seen = join(work, 'seen');
  makeFifo(fifo);
  // the reader takes the end of the tar only when the hook has seen its start
  const script = 'exec < "$1"; head -c 2000000; while [ ! -e "$2" ]; do sleep 0.05; done; cat';
  const reader = spawn('/bin/sh', ['-c', script, 'sh', fifo, seen], { stdio: ['ignore', 'pipe', 'ignore'] });
  const received: Buffer[] = [];
  reader.stdout.on('data', (piece: Buffer) => received.push(piece));
  const read: string[][] = [[], []];
  await run(
    (index) => ({
      into: 'tar',
      target: index === 0 ? fifo : join(work, 'file'),
      onEntries: async (entries) => {
        for await (const { path } of entries) {
          writeFileSync(seen, '');
          read[index]!.push(path);
        }
      },
    }),
    { hook: { [post]: ({ index }) => void t.is(read[index]!.length, [2001, 1][index]!) } },
  );
  t.deepEqual(read, [[...many(2000, 'first').map(({ name }) => name), 'last'], ['g']]);
  t.true(Buffer.concat(received).equals(long));
  t.deepEqual(readFileSync(join(work, 'file')), small);
});

rootTest('a program as a hook gets the entries as lines of a file, in the order of layers', async (t) => {
  const odd = Buffer.from('\xff', 'latin1').toString('latin1');
  const { work, image } = setup(t, [[file('a', 'a'), file(odd)], [file('.wh.a')]]);
  const program = join(work, 'hook');
  const script = `#!/bin/sh
d=$(dirname "$0")
context=$(cat)
case $1 in
*.pre-extract) echo '{"into": "tar", "target": "'"$d/$(echo "$context" | sed 's/.*"index":\\([0-9]*\\).*/\\1/').tar"'"}' ;;
*.post-extract) cat "$(echo "$context" | sed 's/.*"entries":"\\([^"]*\\)".*/\\1/')" >> "$d/list" ;;
esac
`;
  writeFileSync(program, script, { mode: 0o755 });
  const hooksFile = join(work, 'hooks.toml');
  writeFileSync(hooksFile, `[[hook]]\npoint = ["${pre}", "${post}"]\nexec = ["${program}"]\n`);
  await unpack({ image: image.reference, bundle: join(work, 'bundle'), hooksFile, mtree: 'never' });
  const lines = readFileSync(join(work, 'list'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.like(lines[0], { path: 'a', type: 'file', size: 1, offset: 512, stored: 1, mode: 0o644 });
  t.like(lines[1], { pathBase64: '/w==', type: 'file' });
  t.deepEqual(lines[2], { path: 'a', type: 'whiteout' });
  t.is(lines.length, 3);
  t.true(lstatSync(join(work, '1.tar')).isFile());
  t.deepEqual(readdirSync(dirname(program)).sort(), [
    '0.tar',
    '1.tar',
    'bundle',
    'hook',
    'hooks.toml',
    'list',
  ]);
});
