import test from 'ava';
import {
  compare,
  Entry,
  formatDate,
  formatManifest,
  Manifest,
  ManifestWriter,
  MtreeError,
  parse,
  umociKeywords,
  type Values,
  writeTree,
} from 'mtree-ts';
import fc from '../helpers/properties.js';

const directory: Values = {
  type: 'dir',
  uid: 0,
  gid: 0,
  mode: 0o755,
  nlink: 2,
  size: 40,
  time: { sec: 7, nsec: 8 },
};
const file: Values = {
  type: 'file',
  uid: 0,
  gid: 0,
  mode: 0o644,
  nlink: 1,
  size: 3,
  time: { sec: -1, nsec: 5e8 },
};

test('streams entries in the style of go-mtree', (t) => {
  const chunks: Buffer[] = [];
  const header = { user: 'root', machine: 'm', tree: '/t', date: formatDate(new Date(2026, 10, 1, 2, 3, 4)) };
  const writer = new ManifestWriter((chunk) => chunks.push(chunk), { keywords: umociKeywords, header });
  writer.enterDirectory('ignored', directory);
  writer.file('a b', {
    ...file,
    mode: 0o4755,
    sha256digest: 'ab',
    xattrs: new Map([['user.k', Buffer.from('val')]]),
  });
  writer.file('l', { ...file, type: 'link', mode: 0o777, link: 'x#y' });
  writer.enterDirectory('d\xff', { ...directory, uid: 5 });
  writer.file('f', { ...file, mode: 0 });
  writer.enterDirectory('e\nf', directory);
  for (let i = 0; i < 3; i++) writer.leaveDirectory();
  writer.end();
  t.is(
    Buffer.concat(chunks).toString('latin1'),
    `#          user: root
#       machine: m
#          tree: /t
#          date: Sun Nov 1 02:03:04 2026
#      keywords: size,type,uid,gid,mode,link,nlink,tar_time,sha256digest,xattr

# .
/set type=file nlink=1 mode=0664 uid=0 gid=0
. size=40 type=dir mode=0755 nlink=2 tar_time=7.000000000
    a\\040b size=3 mode=04755 tar_time=-1.000000000 sha256digest=ab xattr.user.k=dmFs
    l size=3 type=link mode=0777 link=x\\043y tar_time=-1.000000000

# d\xff
/set type=file nlink=1 mode=0664 uid=5 gid=0
d\\377 size=40 type=dir mode=0755 nlink=2 tar_time=7.000000000
    f size=3 uid=0 mode=0 tar_time=-1.000000000

# d\xff/e\\012f
/set type=file nlink=1 mode=0664 uid=0 gid=0
e\\012f size=40 type=dir mode=0755 nlink=2 tar_time=7.000000000
..
..
..
`,
  );
});

test('big manifests come in several chunks', (t) => {
  const sizes: number[] = [];
  const writer = new ManifestWriter((chunk) => sizes.push(chunk.length), { keywords: umociKeywords });
  writer.enterDirectory('.', directory);
  for (let i = 0; i < 5000; i++) writer.file(`file${i}`, file);
  writer.leaveDirectory();
  writer.end();
  t.true(sizes.length > 3);
  t.true(Math.max(...sizes) < 100_000);
});

test('calls out of order and unknown keywords are errors', (t) => {
  const writer = () => new ManifestWriter(() => {}, { keywords: umociKeywords });
  const codeOf = (action: () => void) => t.throws(action, { instanceOf: MtreeError })?.code;
  t.is(
    codeOf(() => writer().file('a', file)),
    'BAD_ORDER',
  );
  t.is(
    codeOf(() => writer().leaveDirectory()),
    'BAD_ORDER',
  );
  const open = writer();
  open.enterDirectory('.', directory);
  t.is(
    codeOf(() => open.end()),
    'BAD_ORDER',
  );
  t.is(
    codeOf(() => new ManifestWriter(() => {}, { keywords: ['optional'] })),
    'UNKNOWN_KEYWORD',
  );
});

test('writeTree brings any order into go-mtree’s: files first, then directories, each by bytes', (t) => {
  const calls: string[] = [];
  const sink = {
    enterDirectory: (name: string) => void calls.push(`+${name}`),
    file: (name: string) => void calls.push(name),
    leaveDirectory: () => void calls.push('-'),
  };
  const paths = ['z', 'a/', 'b\xff', 'a/c', 'a.b', 'a/b/', 'B/', '.', 'a/b/x', 'b\x7f'];
  const items = paths.map(
    (path) => [path === '.' ? '.' : path.replace(/\/$/, ''), /[/.]$/.test(path)] as const,
  );
  writeTree(sink, items, (isDirectory) => isDirectory);
  t.is(calls.join(' '), '+. a.b b\x7f b\xff z +B - +a c +b x - - -');
});

test('writeTree does not lose what has no directory', (t) => {
  const sink = { enterDirectory() {}, file() {}, leaveDirectory() {} };
  const broken = [['a/b'], ['.', 'a/b'], ['.', 'file', 'file/b']];
  for (const paths of broken) {
    const items = paths.map((path) => [path, path === '.'] as const);
    const error = t.throws(() => writeTree(sink, items, (isDirectory) => isDirectory), {
      instanceOf: MtreeError,
    });
    t.is(error?.code, 'INCOMPLETE_TREE');
  }
});

const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) =>
    Buffer.from(bytes.map((byte) => (byte === 0x2f || byte === 0 ? 0x2e : byte))).toString('latin1'),
  )
  .filter((text) => text !== '.' && text !== '..');

const keywords = fc
  .record(
    {
      type: fc.constantFrom('file', 'link', 'fifo', 'char'),
      uid: fc.nat().map(String),
      mode: fc.nat(0o7777).map((mode) => `0${mode.toString(8)}`),
      nlink: fc.constantFrom('1', '2'),
      size: fc.nat().map(String),
      time: fc.nat().map((sec) => `${sec}.000000001`),
      optional: fc.constant(''),
      'xattr.user.a=b c#\xff': fc.base64String(),
      flags: fc.constantFrom('none', 'uchg,nodump'),
    },
    { requiredKeys: [] },
  )
  .map((record) => new Map(Object.entries(record)));

const directoryKeywords = keywords.map((map) => new Map([...map, ['type', 'dir']]));

/** A root, directories in it and in each other, files in all of them. */
const manifests = fc
  .record({
    root: directoryKeywords,
    directories: fc.array(fc.tuple(name, fc.nat(), directoryKeywords), { maxLength: 5 }),
    files: fc.array(fc.tuple(name, fc.nat(), keywords), { maxLength: 10 }),
  })
  .map(({ root, directories, files }) => {
    const paths = ['.'];
    const entries = new Map([['.', root]]);
    for (const [isDirectory, list] of [
      [true, directories],
      [false, files],
    ] as const) {
      for (const [base, parent, map] of list) {
        const above = paths[parent % paths.length]!;
        const path = above === '.' ? base : `${above}/${base}`;
        if (entries.has(path)) continue;
        if (isDirectory) paths.push(path);
        entries.set(path, map);
      }
    }
    return new Manifest([...entries].map(([path, map]) => new Entry(path, 0, '', map)));
  });

for (const style of ['tree', 'plain'] as const) {
  test(`parsing undoes formatting, for any names and keywords: ${style}`, (t) => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        const again = parse(formatManifest(manifest, { style }));
        const keywordsOf = (from: Manifest) =>
          Object.fromEntries(
            [...from.byPath].map(([path, entry]) => [path, Object.fromEntries([...entry.keywords].sort())]),
          );
        t.deepEqual(keywordsOf(again), keywordsOf(manifest));
        t.deepEqual(compare(manifest, again, { strict: true }), []);
      }),
    );
    t.pass();
  });
}
