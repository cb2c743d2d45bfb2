/** A changed limit counts in each command that takes --limit, for each driver, and in each reading of a layer. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { CommandEntry, CommandTable } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands/index.js';
import { type Finished, layerhook, mainFile, run as runProgram } from '../helpers/cli.js';
import { assertError } from '../helpers/hostile.js';
import { buildImage, type RawLayer } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { sparseFile } from '../helpers/sparse.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

interface Place {
  layout: string;
  /** LAYOUT:TAG */
  image: string;
  /** an image of an empty file */
  plain: string;
  /** a path where nothing is */
  path: string;
  /** a tar of a file */
  tar: string;
}

/** Arguments of each command that reads a layout and takes --limit, after the options. */
const reading: Record<string, (place: Place) => string[]> = {
  cat: ({ image }) => [image, 'a'],
  config: ({ image }) => ['--image', image, '--author', 'me'],
  copy: ({ image, path }) => [image, path],
  diff: ({ image }) => [image, image],
  export: ({ image, path }) => ['--image', image, '--output', path],
  flatten: ({ image }) => ['--image', image],
  gc: ({ layout }) => ['--layout', layout],
  import: (place) => ['--image', place.image, place.tar],
  'index add': ({ layout, image }) => ['--image', `${layout}:index`, image],
  'index list': ({ image }) => ['--image', image],
  'index remove': ({ image }) => ['--image', image, image],
  insert: (place) => ['--image', place.image, place.tar, '/x'],
  inspect: ({ image }) => [image],
  list: ({ layout }) => ['--layout', layout],
  'ls-files': ({ image }) => [image],
  new: ({ layout }) => ['--image', `${layout}:new`],
  'raw add-layer': (place) => ['--image', place.image, place.tar],
  'raw unpack': ({ image, path }) => ['--image', image, path],
  rebase: ({ image }) => ['--image', image, '--old', image, '--new', image],
  remove: ({ image }) => ['--image', image],
  repack: ({ image, path }) => ['--image', image, path],
  squash: ({ image }) => ['--from', '0', '--image', image],
  stat: ({ image }) => ['--image', image],
  tag: ({ image }) => ['--image', image, 'other'],
  unpack: ({ image, path }) => ['--image', image, path],
  validate: ({ image }) => [image],
};

/** `repack` needs a bundle; test/hostile/limits.test.ts has its limits. `raw overlay-tar` and `serve` read no layout. */
const elsewhere = ['raw overlay-tar', 'repack', 'snapshotter serve'];

function placeOf(t: ExecutionContext<unknown>, layers: RawLayer[]): Place {
  const { layout, reference: image } = buildImage(t, layers);
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'a.tar'), tar([{ name: 'x' }]));
  const { reference: plain } = buildImage(t, [[{ name: 'plain' }]]);
  return { layout, image, plain, path: join(dir, 'new'), tar: join(dir, 'a.tar') };
}

for (const [name, args] of Object.entries(reading).filter(([name]) => !elsewhere.includes(name)))
  test(`limit json counts for ${name}`, async (t) => {
    const place = placeOf(t, [[{ name: 'a' }]]);
    const finished = await layerhook([...name.split(' '), '--limit', 'json=64', ...args(place)]);
    assertError(t, finished, 'LIMIT_EXCEEDED');
  });

test('these are all commands with --limit', async (t) => {
  const found: string[] = [];
  const visit = async (table: CommandTable, path: string[]) => {
    for (const [name, entry] of Object.entries(table)) {
      if ('commands' in entry) await visit(entry.commands as CommandTable, [...path, name]);
      else if ('limit' in ((await (entry as CommandEntry).load()).default.options ?? {}))
        found.push([...path, name].join(' '));
    }
  };
  await visit(commands, []);
  t.deepEqual(found.sort(), [...new Set([...Object.keys(reading), ...elsewhere])].sort());
});

const long = (letter: string) => letter.repeat(200);

/** Layers that exceed a limit. */
const exceeding: Record<string, RawLayer[]> = {
  'layers=1': [[{ name: 'a' }], [{ name: 'b' }]],
  'unpacked=2000': [[{ name: 'a', content: 'x'.repeat(2000) }]],
  'entries=2': [[{ name: 'a' }, { name: 'b' }], [{ name: 'c' }]],
  // directories without an entry count
  'entries=3': [[{ name: 'a' }, { name: 'x/y/z/f' }]],
  'file-size=10': [[{ name: 'a', content: 'eleven byte' }]],
  'header-size=100': [[{ name: 'a', pax: { comment: long('x') } }]],
  'header-bytes=300': [
    [{ name: 'a', pax: { comment: long('x') } }],
    [{ name: 'a', pax: { comment: long('x') } }],
  ],
  'path-bytes=500': [[{ name: 'a' }, { name: `${'nnnnnnnn/'.repeat(10)}f` }]],
  'path-bytes=60': [[{ name: 'a' }, { name: 'd/', type: 'dir' }, { name: `d/.wh.${'w'.repeat(60)}` }]],
  'path-bytes=80': [
    [
      { name: 'a' },
      { name: `${long('d')}/`, type: 'dir' },
      { name: `${long('d')}/${long('f')}` },
      { name: `${long('d')}/${long('l')}`, type: 'hardlink', linkname: `${long('d')}/${long('f')}` },
    ],
  ],
  'link-steps=2': [
    [
      { name: 'a' },
      { name: 'd/', type: 'dir' },
      { name: 'l', type: 'symlink', linkname: 'x/../d/../d/.' },
      { name: 'l/a' },
    ],
  ],
};

/** Commands that read the content of layers. */
const contentReaders = [
  ...['cat', 'diff', 'export', 'flatten', 'inspect', 'ls-files', 'raw overlay-tar', 'raw unpack', 'squash'],
  ...['unpack --driver copy', 'unpack --driver overlay', 'unpack --driver erofs'],
];
/** Layers of an image do not apply to a command that converts one tar. */
const isOfImage = (limit: string, layers: RawLayer[]) => limit.startsWith('layers') || layers.length > 1;

for (const name of contentReaders) {
  const isConverter = name === 'raw overlay-tar';
  const run = (t: ExecutionContext<unknown>, layers: RawLayer[], limits: string[]) => {
    const options = limits.flatMap((limit) => ['--limit', limit]);
    if (isConverter) return convert(t, layers[0]!, options);
    const place = placeOf(t, layers);
    const store = name.includes('--driver') ? ['--store', join(tmpdir(t), 'store')] : [];
    return layerhook([
      ...name.split(' '),
      ...store,
      ...options,
      ...reading[name.replace(/ --.*/, '')]!(place),
    ]);
  };
  for (const [limit, layers] of Object.entries(exceeding)) {
    if (isConverter && isOfImage(limit, layers)) continue;
    rootTest(`limit ${limit} counts for ${name}`, async (t) => {
      assertError(t, await run(t, layers, [limit]), 'LIMIT_EXCEEDED');
    });
  }
  // the other drivers leave mounts
  if (name.endsWith('overlay') || name.endsWith('erofs')) continue;
  for (const [limit, layers] of Object.entries(exceeding).filter(([, layers]) => layers.length === 1))
    rootTest(`ten times ${limit} is enough for ${name}`, async (t) => {
      const more = limit.replace(/\d+$/, (value) => `${value}0`);
      const { status, stderr } = await run(t, layers, [more]);
      t.is(status, 0, stderr);
    });
}

/** Runs `raw overlay-tar` on the tar of a layer. */
function convert(t: ExecutionContext<unknown>, layer: RawLayer, options: string[]): Promise<Finished> {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'tar'), Buffer.isBuffer(layer) ? layer : tar(layer as RawEntry[]));
  const line = '"$0" "$@" < tar > converted';
  const args = [process.execPath, mainFile, 'raw', 'overlay-tar', '--scratch', dir, ...options];
  return runProgram('bash', ['-c', line, ...args], { cwd: dir });
}

test('limit entries counts for validate, in each layer', async (t) => {
  const { image } = placeOf(t, exceeding['entries=2']!);
  const run = (entries: number) => layerhook(['validate', '--limit', `entries=${entries}`, image]);
  t.regex((await run(1)).stdout, /^error: LIMIT_EXCEEDED: number of entries/m);
  t.notRegex((await run(2)).stdout, /LIMIT_EXCEEDED/);
});

/** Commands that read the holes of a sparse file: they hash the content of files, or write it. */
const readingHoles: typeof reading = {
  ...Object.fromEntries(
    ['diff', 'export', 'flatten', 'squash', 'unpack'].map((name) => [name, reading[name]!]),
  ),
  inspect: ({ image, path, plain }) => ['--html', path, '--against', plain, image],
};

for (const [name, args] of Object.entries(readingHoles))
  rootTest(`limit holes counts for ${name}`, async (t) => {
    const place = placeOf(t, [[sparseFile('a', 2 ** 21)]]);
    const run = (holes: number) =>
      layerhook([...name.split(' '), '--limit', `holes=${holes}`, ...args(place)]);
    const refused = await run(2 ** 20);
    assertError(t, refused, 'LIMIT_EXCEEDED');
    t.regex(refused.stderr, /holes in a \(2097152 bytes\)/);
    t.is((await run(2 ** 21)).status, 0);
  });
