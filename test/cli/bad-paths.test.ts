import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { file } from '../../src/testing/entries.js';
import { layerhook, refused } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

/** A directory with a file and a symlink that leads nowhere, and an image beside it. */
function fixture(t: ExecutionContext): { dir: string; image: string } {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('nowhere', join(dir, 'dangling'));
  return { dir, image: buildImage(t, [[file('a', 'a')]]).reference };
}

/** Each is refused, and nothing is left of it. */
async function refuseAll(t: ExecutionContext, dir: string, cases: [string[], RegExp][]): Promise<void> {
  const before = readdirSync(dir).sort();
  for (const [args, message] of cases) await refused(t, layerhook(args, { cwd: dir }), message);
  t.deepEqual(readdirSync(dir).sort(), before);
}

rootTest('a path below /proc is refused without hanging', async (t) => {
  const { dir, image } = fixture(t);
  const reason = /\/proc(\/\S+)? cannot be used as a directory: \/proc\S* does not allow new entries/;
  await refuseAll(t, dir, [
    [['unpack', '--driver', 'overlay', '--image', image, '--store', '/proc/x/y', 'b'], reason],
    [['unpack', '--image', image, '/proc/x/y'], reason],
    [['init', '--layout', '/proc/x/y'], reason],
    [['hooks', 'install', 'archive-overlay', '--hooks-dir', '/proc/x/y'], reason],
    [['snapshotter', 'serve', '--address', 'socket', '--store', '/proc/x/y'], reason],
    [
      ['unpack', '--driver', 'btrfs', '--image', image, '--store', '/proc/x/y', 'b'],
      /it is on proc, not on btrfs/,
    ],
  ]);
});

test('a file or a dangling symlink is refused as a store', async (t) => {
  const { dir, image } = fixture(t);
  const reason =
    /\/(file|dangling)(\/\S+)? cannot be used as a directory: \S+ is (not a directory|a symlink)/;
  const drivers = ['overlay', 'btrfs'];
  const stores = ['file', 'file/below', 'dangling', 'dangling/below'];
  await refuseAll(
    t,
    dir,
    drivers.flatMap((driver) =>
      stores.map((store): [string[], RegExp] => [
        ['unpack', '--driver', driver, '--image', image, '--store', store, 'b'],
        reason,
      ]),
    ),
  );
  t.false(existsSync(join(dir, 'b')));
});

test('a file in the way of a bundle or a layout is named', async (t) => {
  const { dir, image } = fixture(t);
  await refuseAll(t, dir, [
    [['unpack', '--image', image, 'file'], /file already has a file in its place/],
    [['unpack', '--image', image, 'file/b'], /\/file cannot be used as a directory: it is not a directory/],
    [['unpack', '--image', image, 'dangling'], /dangling already has a symlink in its place/],
    [
      ['unpack', '--image', image, 'dangling/b'],
      /\/dangling cannot be used .* it is a symlink to a missing file/,
    ],
    [['init', '--layout', 'file'], /file already exists/],
    [['init', '--layout', 'file/l'], /file cannot be used as a directory: it is not a directory/],
    [['init', '--layout', 'dangling'], /dangling already exists/],
    [['init', '--layout', 'dangling/l'], /dangling cannot be used as a directory: it is a symlink/],
    [['init', '--layout', 'x'.repeat(300)], /name too long/],
  ]);
});

test('a directory that is missing, or a file, is named as the user wrote it', async (t) => {
  const { dir } = fixture(t);
  mkdirSync(join(dir, 'directory'));
  const commands: ((path: string) => string[])[] = [
    (path) => ['raw', 'compare-trees', 'directory', path],
    (path) => ['raw', 'compare-trees', path, 'directory'],
    (path) => ['raw', 'upperdir-changes', '--lowerdir', 'directory', path],
    (path) => ['raw', 'upperdir-changes', '--lowerdir', `directory:${path}`, 'directory'],
    (path) => ['raw', 'overlay-tar', '--scratch', path],
    (path) => ['raw', 'overlay-tar', '--scratch', 'directory', '--lowerdir', path],
  ];
  for (const command of commands) {
    const finished = layerhook(command('./none'), { cwd: dir });
    await refused(t, finished, /: cannot read \.\/none: no such file or directory/);
    t.is((await finished).status, 3);
  }
  await refuseAll(
    t,
    dir,
    commands.slice(1, 4).map((command) => [command('file'), /: cannot read file: not a directory/]),
  );
});

test('an unusable socket address is refused', async (t) => {
  const { dir } = fixture(t);
  mkdirSync(join(dir, 'directory'));
  const serve = (address: string, ...more: string[]) => [
    ...['snapshotter', 'serve', '--store', join(tmpdir(t), 'store')],
    ...['--address', address, ...more],
  ];
  const long = `./${'x'.repeat(110)}`;
  await refuseAll(t, dir, [
    [serve('none/socket'), /cannot serve at none\/socket: the directory none is missing/],
    [serve('file'), /cannot serve at file: it exists and is not a socket/],
    [serve('directory'), /cannot serve at directory: it exists and is not a socket/],
    [serve('file/socket'), /file cannot be used as a directory: it is not a directory/],
    [serve(long), /cannot serve at \S+: it is longer than 107 bytes/],
    [serve('a\nb/c'), /cannot serve at a\\nb\/c: the directory a\\nb is missing;/],
    [serve('socket', '--metrics', './socket'), /--metrics and --address are the same socket/],
    [
      serve('socket', '--metrics', 'none/socket'),
      /cannot serve at none\/socket: the directory none is missing/,
    ],
    [serve('socket', '--metrics', long), /it is longer than 107 bytes/],
    [serve('socket', '--client', 'a b'), /client of a store cannot be used/],
  ]);
});

test('all commands report a malformed platform alike', async (t) => {
  const { dir, image } = fixture(t);
  const reason = /malformed platform a\/b\/c\/d; a platform is OS\/ARCHITECTURE/;
  const platform = ['--platform', 'a/b/c/d', '--image', image];
  await refuseAll(t, dir, [
    [['unpack', ...platform, 'b'], reason],
    [['stat', ...platform], reason],
    [['insert', ...platform, 'file', '/file'], reason],
    [['raw', 'mtree-validate', '-f', '.', '-p', '.'], /cannot read \.: illegal operation on a directory/],
  ]);
});

test('an empty path is refused', async (t) => {
  const { dir, image } = fixture(t);
  await refuseAll(t, dir, [
    [['store', 'ls', '--store', ''], /--store cannot be empty/],
    [['unpack', '--image', image, '--store=', 'b'], /--store cannot be empty/],
    [['unpack', '--image', image, '--driver', '', 'b'], /--driver cannot be empty/],
    [['--hooks', '', 'store', 'ls'], /--hooks cannot be empty/],
    [['unpack', '--image', image, '--uid-map', '', 'b'], /--uid-map cannot be empty/],
  ]);
});
