import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { layerhook, refused, succeed } from '../helpers/cli.js';
import { buildImage, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';

const base: RawEntry[] = [
  dir('etc'),
  file('etc/motd', 'one\ntwo\nthree\n'),
  file('etc/passwd', 'root\n'),
  file('etc/last', 'no newline'),
  file('gone/a', 'x\n'),
  file('bin/tool', 'a\0b', { mode: 0o755 }),
  file('time', 'same\n'),
  symlink('link', 'etc'),
  file('one', 'linked\n'),
  hardlink('two', 'one'),
];
const above: RawEntry[] = [
  file('etc/motd', 'one\n2\nthree\n'),
  file('etc/passwd', 'root\n', { mode: 0o600, uid: 5 }),
  file('etc/last', 'no newline either'),
  file('.wh.gone'),
  file('bin/tool', 'a\0c', { mode: 0o755 }),
  file('time', 'same\n', { mtime: 2_000_000_000 }),
  symlink('link', 'bin'),
  file('new', 'fresh\n'),
  file('two', 'linked\n'),
];

function images(t: ExecutionContext): { a: string; b: string } {
  const { layout, reference: a } = buildImage(t, [base], { tag: 'a' });
  return { a, b: writeImage(layout, [base, above], { tag: 'b' }).reference };
}

const differences = [
  'M bin/tool (content)',
  'M etc/last (content)',
  'M etc/motd (content)',
  'M etc/passwd (mode, owner)',
  'D gone',
  'D gone/a',
  'M link (target)',
  'A new',
  'M one (links)',
  'M two (links)',
];

test('diff lists what differs, in every form', async (t) => {
  const { a, b } = images(t);
  const diff = (...args: string[]) => succeed(t, layerhook(['diff', ...args, a, b]));
  t.is(await diff(), `${differences.join('\n')}\n`);
  t.true((await diff('--times')).includes('\nM time (mtime)\n'));
  const names = differences.map((line) => line.split(' ')[1]);
  t.is(await diff('--name-only'), `${names.join('\n')}\n`);
  const stat = (await diff('--stat')).trimEnd().split('\n');
  t.is(stat[1], 'M etc/last (content) | 10 B -> 17 B');
  t.is(stat.at(-1), '1 added, 7 changed, 2 deleted, +9 B');
  const rows = JSON.parse(await diff('--json'));
  t.deepEqual(
    rows.map(({ path }: { path: string }) => path),
    names,
  );
  const { change, fields, before, after } = rows[3];
  t.deepEqual(
    [change, fields, before.mode, after.mode, after.layer],
    ['changed', ['mode', 'owner'], 0o644, 0o600, 1],
  );
  t.is((await layerhook(['diff', '--exit-code', a, b])).status, 1);
  t.is((await layerhook(['diff', '--exit-code', a, a])).status, 0);
  await refused(t, layerhook(['diff', '--stat', '-p', a, b]), /mutually exclusive/);
});

test('GNU patch turns the first image into the second one', async (t) => {
  if (!requires(t, 'root', 'umoci', 'patch')) return;
  const { a, b } = images(t);
  const [first, second] = [join(tmpdir(t), 'a'), join(tmpdir(t), 'b')];
  for (const [reference, bundle] of [
    [a, first],
    [b, second],
  ] as const)
    execFileSync('umoci', ['unpack', '--image', reference, bundle], { stdio: 'pipe' });
  const patch = await succeed(t, layerhook(['diff', '-p', a, b]));
  t.regex(patch, /^M bin\/tool \(binary\)$/m);
  t.regex(patch, /^--- a\/gone\/a\n\+\+\+ \/dev\/null$/m);
  const { status, stdout } = spawnSync('patch', ['-p1', '-d', join(first, 'rootfs')], {
    input: patch,
    encoding: 'utf8',
  });
  t.is(status, 0, stdout);
  for (const name of ['etc/motd', 'etc/last', 'new'])
    t.is(
      readFileSync(join(first, 'rootfs', name), 'utf8'),
      readFileSync(join(second, 'rootfs', name), 'utf8'),
    );
});

test('an image and a bundle: the changes that umoci repacks', async (t) => {
  if (!requires(t, 'root', 'umoci')) return;
  const { a } = images(t);
  const bundle = join(tmpdir(t), 'bundle');
  execFileSync('umoci', ['unpack', '--image', a, bundle], { stdio: 'pipe' });
  t.is(await succeed(t, layerhook(['diff', a, bundle])), '');
  const rootfs = join(bundle, 'rootfs');
  appendFileSync(join(rootfs, 'etc/motd'), 'four\n');
  rmSync(join(rootfs, 'etc/passwd'));
  mkdirSync(join(rootfs, 'srv'));
  writeFileSync(join(rootfs, 'srv/data'), 'data\n');
  const listed = await succeed(t, layerhook(['diff', a, bundle]));
  t.is(listed, 'M etc/motd (content)\nD etc/passwd\nA srv\nA srv/data\n');
  const patch = await succeed(t, layerhook(['diff', '-p', a, bundle]));
  t.regex(patch, /^@@ -1,3 \+1,4 @@\n one\n two\n three\n\+four$/m);
  // what umoci puts into a layer makes the same difference
  execFileSync('umoci', ['repack', '--image', a.replace(/a$/, 'umoci'), bundle], { stdio: 'pipe' });
  t.is(await succeed(t, layerhook(['diff', a, a.replace(/a$/, 'umoci')])), listed);
});

test('a large file and a file that changes its type have no long patch', async (t) => {
  const { layout, reference } = buildImage(t, [[file('big', 'a\n'.repeat(1 << 20)), file('x', 'text\n')]]);
  const other = writeImage(layout, [[file('big', 'b\n'.repeat(1 << 20)), dir('x')]], { tag: 'b' }).reference;
  const patch = await succeed(t, layerhook(['diff', '-p', reference, other]));
  t.is(patch, 'M big (too large)\n--- a/x\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-text\n');
});

test('a file that takes too long to compare is left out', async (t) => {
  const lines = (word: string) => Array.from({ length: 100_000 }, (_, at) => `${word}${at}`).join('\n');
  const { layout, reference } = buildImage(t, [[file('many', lines('a')), file('z', 'x\n')]]);
  const other = writeImage(layout, [[file('many', lines('b')), file('z', 'y\n')]], { tag: 'b' }).reference;
  const patch = await succeed(t, layerhook(['diff', '-p', '--max-size', '8MiB', reference, other]));
  t.regex(patch, /^M many \(too different\)\n--- a\/z\n/);
});
