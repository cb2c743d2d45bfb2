import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { layerhook, mainFile, refused, succeed } from '../helpers/cli.js';
import { type BuiltImage, buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';

function image(t: ExecutionContext): BuiltImage {
  return buildImage(t, [
    [
      dir('etc'),
      file('etc/passwd', 'root:x:0:0\n'),
      file('etc/gone', 'x'),
      dir('opaque'),
      file('opaque/old', 'x'),
      file('bin/tool', 'tool', { mode: 0o4755, uid: 7 }),
      hardlink('bin/same', 'bin/tool'),
      symlink('escape', '../../../../etc/passwd'),
      symlink('loop', 'loop'),
      symlink('mounts', '/proc/mounts'),
    ],
    [
      file('etc/.wh.gone'),
      file('opaque/.wh..wh..opq'),
      file('opaque/new', 'new'),
      hardlink('bin/later', 'bin/tool'),
      file('odd \n\xff', 'odd'),
      file('big', 'b'.repeat(3 << 20)),
    ],
  ]);
}

test('ls-files lists what umoci unpacks, and cat gives the same content', async (t) => {
  if (!requires(t, 'root', 'umoci')) return;
  const { reference } = image(t);
  const bundle = join(tmpdir(t), 'bundle');
  execFileSync('umoci', ['unpack', '--image', reference, bundle], { stdio: 'pipe' });
  const format = '%P\\t%y\\t%m\\t%U:%G\\t%s\\t%l\\0';
  const found = execFileSync('find', [join(bundle, 'rootfs'), '-printf', format], { encoding: 'latin1' });
  const theirs = found.split('\0').filter(Boolean);
  const rows = JSON.parse(await succeed(t, layerhook(['ls-files', '--json', reference]))) as Row[];
  const ours = rows.map(findLine);
  // the size of a directory is the filesystem's
  t.deepEqual(ours.sort(), theirs.map((line) => line.replace(/(\td\t.*)\t\d+\t$/, '$1\t0\t')).sort());
  const links = rows.filter(({ links }) => links !== undefined);
  t.deepEqual(
    links.map(({ path, links, layer }) => [path, links, layer]),
    [
      ['bin/later', 3, 1],
      ['bin/same', 3, 0],
      ['bin/tool', 3, 0],
    ],
  );
  for (const path of ['etc/passwd', 'opaque/new', 'bin/later', 'big']) {
    const { stdout } = spawnSync(process.execPath, [mainFile, 'cat', reference, `/${path}`], {
      maxBuffer: 1 << 24,
    });
    t.deepEqual(stdout, readFileSync(join(bundle, 'rootfs', path)), path);
  }
});

interface Row {
  path?: string;
  pathBase64?: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size?: number;
  link?: string;
  links?: number;
  layer: number;
}

function findLine({ path, pathBase64, type, mode, uid, gid, size, link }: Row): string {
  const name = path === undefined ? Buffer.from(pathBase64!, 'base64').toString('latin1') : path;
  const letter = { file: 'f', directory: 'd', symlink: 'l' }[type];
  const bytes = size ?? link?.length ?? 0;
  return `${name === '.' ? '' : name}\t${letter}\t${mode.toString(8)}\t${uid}:${gid}\t${bytes}\t${link ?? ''}`;
}

test('ls-files --layer lists the entries that GNU tar lists', async (t) => {
  if (!requires(t, 'tar')) return;
  const { reference, manifest, config, blob } = image(t);
  for (const [at, { digest }] of manifest.layers.entries()) {
    const args = ['-tzf', blob(digest), '--quoting-style=literal'];
    const theirs = execFileSync('tar', args, { encoding: 'latin1' }).replaceAll(/\/$/gm, '');
    for (const layer of [String(at), digest, config.rootfs.diff_ids[at]!.slice(7, 20)]) {
      const rows = await succeed(t, layerhook(['ls-files', '--json', '--layer', layer, reference]));
      const names = (JSON.parse(rows) as Row[]).map(nameInTar);
      t.is(`${names.join('\n')}\n`, theirs);
    }
  }
});

function nameInTar({ path, pathBase64, type }: Row): string {
  const name = path ?? Buffer.from(pathBase64!, 'base64').toString('latin1');
  if (type === 'opaque') return `${name}/.wh..wh..opq`;
  return type === 'whiteout' ? name.replace(/[^/]*$/, '.wh.$&') : name;
}

test('names are safe for a terminal, and --long shows what ls does', async (t) => {
  const { reference } = image(t);
  const lines = (await succeed(t, layerhook(['ls-files', reference]))).split('\n');
  t.true(lines.includes('"odd \\x0a\\xff"'));
  const long = (await succeed(t, layerhook(['ls-files', '-l', reference]))).split('\n');
  t.true(long.includes('-rwsr-xr-x 7:0                4 2001-09-09T01:46:40Z 0 bin/tool'), long.join('\n'));
  t.true(long.some((line) => line.startsWith('lrwxrwxrwx') && line.endsWith('loop -> loop')));
  const second = await succeed(t, layerhook(['ls-files', '--layer', '1', reference]));
  t.true(second.startsWith('etc/.wh.gone\nopaque/.wh..wh..opq\n'));
});

test('cat stays in the image, and refuses what is not a file or too large', async (t) => {
  const { reference } = image(t);
  t.is(await succeed(t, layerhook(['cat', reference, 'escape'])), 'root:x:0:0\n');
  const wrong: [string[], RegExp][] = [
    [['etc'], /cannot read etc in .*: it is a directory/],
    [['etc/gone'], /it does not exist/],
    [['etc/passwd/x'], /a file above it is not a directory/],
    [['loop'], /too many symlinks/],
    [['mounts'], /mounts in .*: it is a symlink to \/proc\/mounts, which leads to no file of the image;/],
    [['--max-size', '1MiB', 'big'], /size of big \(3145728 bytes\) is over the limit.*--max-size/],
  ];
  for (const [[...args], message] of wrong) {
    const path = args.pop()!;
    await refused(t, layerhook(['cat', ...args, reference, path]), message);
  }
  await refused(t, layerhook(['ls-files', '--layer', '2', reference]), /no layer 2 in .*: it has 2 layers/);
  const one = buildImage(t, [[file('a')]]);
  await refused(t, layerhook(['ls-files', '--layer', '1', one.reference]), /: it has 1 layer;/);
  await refused(t, layerhook(['cat', reference]), /expected|missing|argument/i);
});

test('a closed pipe ends cat quietly', (t) => {
  const { reference } = image(t);
  const command = 'set -o pipefail; "$0" "$@" | head -c 3';
  const args = ['-c', command, process.execPath, mainFile, 'cat', reference, 'big'];
  const { status, stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
  t.deepEqual([status, stdout, stderr], [0, 'bbb', '']);
});
