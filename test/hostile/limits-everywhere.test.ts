/** A changed limit counts in each command that takes --limit, for each driver, and in each reading of a layer. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { CommandEntry, CommandTable } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands/index.js';
import { layerhook } from '../helpers/cli.js';
import { assertError } from '../helpers/hostile.js';
import { buildImage, type RawLayer } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { sparseFile } from '../helpers/sparse.js';
import { tar } from '../helpers/tar.js';
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

/** It needs a bundle; test/hostile/limits.test.ts has its limits. `serve` reads no layout. */
const elsewhere = ['repack', 'snapshotter serve'];

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

const twoLayers: RawLayer[] = [[{ name: 'a' }, { name: 'b' }], [{ name: 'c' }]];

for (const name of ['cat', 'diff', 'export', 'flatten', 'inspect', 'ls-files', 'squash', 'unpack'])
  rootTest(`limit entries counts for ${name}, over all layers`, async (t) => {
    const place = placeOf(t, twoLayers);
    const run = (entries: number) =>
      layerhook([...name.split(' '), '--limit', `entries=${entries}`, ...reading[name]!(place)]);
    assertError(t, await run(2), 'LIMIT_EXCEEDED');
    t.is((await run(3)).status, 0);
  });

test('limit entries counts for validate, in each layer', async (t) => {
  const { image } = placeOf(t, twoLayers);
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

const hostile: Record<string, RawLayer> = {
  'link-steps=2': [
    { name: 'd/', type: 'dir' },
    { name: 'l', type: 'symlink', linkname: 'x/../d/../d/.' },
    { name: 'l/a' },
  ],
  'path-bytes=500': [{ name: `${'nnnnnnnn/'.repeat(10)}f` }],
};

for (const driver of ['copy', 'overlay', 'erofs'])
  for (const [limit, layer] of Object.entries(hostile))
    rootTest(`limit ${limit} counts for ${driver}`, async (t) => {
      const { image, path } = placeOf(t, [layer]);
      const store = join(tmpdir(t), 'store');
      const args = ['unpack', '--driver', driver, '--store', store, '--limit', limit, '--image', image, path];
      assertError(t, await layerhook(args), 'LIMIT_EXCEEDED');
    });
