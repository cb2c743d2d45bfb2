import test from 'ava';
import { MtreeError, parse } from 'mtree-ts';

test('relative entries go down into directories, .. goes up, full paths stay where they are', (t) => {
  const manifest = parse(
    [
      '#mtree v2.0',
      '#   user: example',
      '',
      '. type=dir',
      '    a type=file size=1',
      'usr type=dir',
      '  bin type=dir',
      '\tenv type=file',
      './etc/passwd type=file',
      '    sh type=link link=dash',
      '  ..',
      '    share type=file',
      '..',
      '..',
      '/set uid=7',
      './var/../lib//x type=file',
    ].join('\n'),
  );
  t.deepEqual(
    manifest.entries.map(({ path, line }) => [path, line]),
    [
      ['.', 4],
      ['a', 5],
      ['usr', 6],
      ['usr/bin', 7],
      ['usr/bin/env', 8],
      ['etc/passwd', 9],
      ['usr/bin/sh', 10],
      ['usr/share', 12],
      ['lib/x', 16],
    ],
  );
  t.is(manifest.header.get('user'), 'example');
  t.is(manifest.get('usr/bin/sh')?.get('link'), 'dash');
  t.is(manifest.get('lib/x')?.get('uid'), '7');
  t.is(manifest.get('nothing'), undefined);
});

test('/set adds defaults, /unset removes them, an entry wins', (t) => {
  const manifest = parse(
    [
      '/set type=file uid=1 gid=2',
      'a mode=0644',
      '/set uid=3',
      'b gid=4',
      '/unset gid',
      'c',
      '/unset all',
      'd',
    ].join('\n'),
  );
  const keywords = (path: string) => Object.fromEntries(manifest.get(path)!.keywords);
  t.deepEqual(keywords('a'), { type: 'file', uid: '1', gid: '2', mode: '0644' });
  t.deepEqual(keywords('b'), { type: 'file', uid: '3', gid: '4' });
  t.deepEqual(keywords('c'), { type: 'file', uid: '3' });
  t.deepEqual(keywords('d'), {});
});

test("in go-mtree's manifests, known by their list of keywords, /set starts afresh", (t) => {
  const manifest = parse('#      keywords: type,mode\n/set type=file uid=1\n. type=dir\n/set type=file\nb\n');
  t.is(manifest.get('.')?.get('uid'), '1');
  t.false(manifest.get('b')?.has('uid'));
});

test('a directory may get its type from /set', (t) => {
  const manifest = parse('/set type=dir\n.\nusr\nbin\n..\nlib\n..\n..\n..\n');
  t.deepEqual([...manifest.byPath.keys()], ['.', 'usr', 'usr/bin', 'usr/lib']);
});

test('a line goes on after a backslash, unless that is escaped or in a comment', (t) => {
  const text =
    'a type=file \\\n   size=1 \\\n size=2\n# comment \\\nb\\\\\nc size=3 # not a=keyword\nd size=4 \\';
  const manifest = parse(text);
  t.deepEqual([...manifest.byPath.keys()], ['a', 'b\\', 'c', 'd']);
  t.is(manifest.get('a')?.get('size'), '2');
  t.deepEqual([...manifest.get('c')!.keywords.keys()], ['size']);
});

test('synonyms have one name; names of extended attributes are decoded and may contain =', (t) => {
  const words = [
    'md5=1',
    'rmd160=2',
    'sha256=3',
    'xattrs.user.a\\040b=dmFs',
    'xattr.user.c=d=dmFs',
    'xattr.user.e=',
  ];
  const { keywords } = parse(`a ${words.join(' ')} optional sha512digest=${'0'.repeat(64)}`).get('a')!;
  t.deepEqual(Object.fromEntries(keywords), {
    md5digest: '1',
    ripemd160digest: '2',
    sha256digest: '3',
    'xattr.user.a b': 'dmFs',
    'xattr.user.c=d': 'dmFs',
    'xattr.user.e': '',
    optional: '',
    sha512256digest: '0'.repeat(64),
  });
});

test('an encoded slash or dots in a name never lead out of the root', (t) => {
  const manifest = parse('. type=dir\n..\\057..\\057etc\\057passwd\n\\056\\056\n../../x/y\n');
  t.deepEqual([...manifest.byPath.keys()], ['.', 'etc/passwd', 'x/y']);
});

test('used keywords: those of the header, and those of entries, without flags', (t) => {
  const manifest = parse('#  keywords: type,xattr\n/set uid=0\na sha256=1 optional\nb xattr.user.a=\n');
  t.deepEqual(manifest.usedKeywords(), ['type', 'xattr', 'uid', 'sha256digest']);
});

const malformed: [title: string, text: string, code: string, line: number][] = [
  ['.. where no directory is open', 'a type=file\n..\n', 'BAD_DOT_DOT', 2],
  ['an unknown command', '\n\n/sset uid=0\n', 'BAD_COMMAND', 3],
  ['a malformed name, after a continued line', 'a size=1 \\\n uid=2\nb\\q\\777\n', 'BAD_ESCAPE', 3],
];

for (const [title, text, code, line] of malformed) {
  test(`${title} is an error with its line`, (t) => {
    const error = t.throws(() => parse(Buffer.from(text)), { instanceOf: MtreeError });
    t.is(error?.code, code as MtreeError['code']);
    t.is(error?.line, line);
    t.true(error?.message.startsWith(`line ${line}: `));
  });
}

test('reading a malformed link throws an error with its line', (t) => {
  const entry = parse('\na type=link link=\\x').get('a')!;
  const error = t.throws(() => entry.link, { instanceOf: MtreeError });
  t.is(error?.line, 2);
});

const hostile: Record<string, string> = {
  'directories in directories': 'a type=dir\n'.repeat(10_000),
  entries: 'a\n'.repeat(20_000),
  'values of /set': Array.from({ length: 2000 }, (_, at) => `/set k${at}=\n`).join(''),
  'values that entries inherit': `/set ${'a b c d e f g h i j k l m n o p q r s t'.replaceAll(' ', '= ')}\n${'a b=\n'.repeat(14_000)}`,
  bytes: `a ${'x'.repeat(1 << 20)}`,
};
for (const [name, text] of Object.entries(hostile)) {
  test(`a small manifest that describes too many ${name} is an error`, (t) => {
    t.true(text.length <= (1 << 20) + 2);
    const error = t.throws(() => parse(text, { maxBytes: 1 << 20 }), {
      instanceOf: MtreeError,
      code: 'TOO_LARGE',
    });
    t.regex(error!.message, /more than \d+ /);
    t.notThrows(() => parse(text, { maxBytes: 1 << 30 }));
  });
}
