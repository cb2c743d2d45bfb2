/** Every limit of the table: an image above it is one typed error that says how to raise it, and a raised limit lets it through. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unpack } from '../../src/engine/unpack/unpack.js';
import { type LimitName, type Limits, limitTable } from '../../src/errors/index.js';
import type { Index } from '../../src/image/types.js';
import { layerBudget, takeUnpacked } from '../../src/tar/budget.js';
import { layerhook } from '../helpers/cli.js';
import { assertError } from '../helpers/hostile.js';
import { buildImage, type ImageOptions, put, type RawLayer } from '../helpers/image.js';
import { sparseFile } from '../helpers/sparse.js';
import { tmpdir } from '../helpers/tmp.js';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const file = { name: 'a', content: Buffer.alloc(20_000) };
const long = { name: 'n'.repeat(200) };
const linked: RawLayer = [
  { name: 'd/', type: 'dir' },
  { name: 'l', type: 'symlink', linkname: 'x/../d/../d/.' },
  { name: 'l/a' },
];

interface LimitCase {
  limit: number;
  layers?: RawLayer[];
  image?: ImageOptions;
  /** wraps the image in this many nested indexes; each index names its child twice */
  indexes?: number;
  /** body of a program at the point */
  hook?: [point: string, body: string];
}

/** The limit is too small for each of these by one or more; ten times the limit is enough. */
const cases: Partial<Record<LimitName, LimitCase>> = {
  layers: { limit: 2, layers: [[file], [file], [file]] },
  images: { limit: 1, indexes: 1 },
  indexes: { limit: 1, indexes: 2 },
  unpacked: { limit: 15_000, layers: [[file]] },
  entries: {
    limit: 3,
    layers: [
      [{ name: 'a' }, { name: 'b' }],
      [{ name: 'c' }, { name: 'd' }],
    ],
  },
  'file-size': { limit: 10_000, layers: [[file]] },
  'header-size': { limit: 200, layers: [[long]] },
  'header-bytes': { limit: 500, layers: [[long, long, long]] },
  'path-bytes': { limit: 500, layers: [[{ name: `${'nnnnnnnn/'.repeat(10)}f` }]] },
  'link-steps': { limit: 2, layers: [linked] },
  holes: { limit: 50_000, layers: [[sparseFile('s', 100_000)]] },
  json: { limit: 2_000, image: { config: { Labels: { a: 'x'.repeat(5_000) } } } },
  'hook-answer': { limit: 1000, hook: ['unpack.ociv1.layer.try-skip', `printf '%5000s{"skip":false}'`] },
};

for (const [name, { limit, ...made }] of Object.entries(cases)) {
  test(`limit ${name}`, async (t) => {
    const reference = imageOf(t, made);
    const hooksFile = made.hook === undefined ? null : hooksWith(t, made.hook);
    const run = (limits: Limits, at: string) =>
      unpack({
        image: reference,
        bundle: join(tmpdir(t), at),
        hooksFile,
        limits,
        mtree: 'always',
        ...asUser(),
      });
    const error = await t.throwsAsync(run({ [name]: limit }, 'small'));
    if (name === 'hook-answer') t.regex(error!.message, /it wrote more than 1000 bytes/);
    else {
      t.is((error as { code?: string }).code, 'LIMIT_EXCEEDED', error!.message);
      t.regex(
        error!.message,
        name === 'json' || name === 'holes' ? /--max-/ : new RegExp(`--limit ${name}=`),
      );
    }
    await t.notThrowsAsync(run({ [name]: 10 * limit }, 'large'));
  });
}

test('the ratio of compression counts above 16 GiB only, and says the ratio', (t) => {
  const budget = layerBudget({}, 2 ** 20);
  for (let GiB = 0; GiB < 16; GiB++) takeUnpacked(budget, 2 ** 30, 'sha256:x');
  const error = t.throws(() => takeUnpacked(budget, 1, 'sha256:x'), { code: 'LIMIT_EXCEEDED' });
  t.regex(error!.message, /\(16384\) is over the limit of 250, which --limit ratio=N raises/);
  const trusted = layerBudget({ ratio: 20_000 }, 2 ** 20);
  for (let GiB = 0; GiB < 17; GiB++) takeUnpacked(trusted, 2 ** 30, 'sha256:x');
});

test('limits come from the command line, else from hooks.toml', async (t) => {
  const image = buildImage(t, [[{ name: 'a' }, { name: 'b' }, { name: 'c' }]]).reference;
  const dir = tmpdir(t);
  const toml = join(dir, 'hooks.toml');
  writeFileSync(toml, '[limits]\nentries = 2\nunpacked = "1GiB"\n', { mode: 0o644 });
  const run = (bundle: string, ...more: string[]) =>
    layerhook([
      '--hooks',
      toml,
      'unpack',
      ...(asUser().map ? ['--rootless'] : []),
      ...more,
      '--image',
      image,
      join(dir, bundle),
    ]);
  assertError(t, await run('a'), 'LIMIT_EXCEEDED');
  t.is((await run('b', '--limit', 'entries=3')).status, 0);
  assertError(t, await run('c', '--limit', 'entries=3', '--limit', 'unpacked=1kB'), 'LIMIT_EXCEEDED');
  for (const [value, message] of [
    ['entrys=3', /did you mean entries/],
    ['entries', /expected NAME=VALUE/],
    ['entries=many', /expected a whole number/],
    ['unpacked=-1', /expected a size/],
  ] as const) {
    const finished = await run('d', '--limit', value);
    assertError(t, finished, 'USAGE');
    t.regex(finished.stderr, message);
  }
  for (const [text, message] of [
    ['[limits]\nentrys = 2\n', /hooks.toml:2: unknown key entrys \(did you mean entries/],
    ['limits = 3\n', /hooks.toml:1: limits is 3/],
    ['[limits]\nunpacked = "much"\n', /hooks.toml:2: unpacked is "much"/],
  ] as const) {
    writeFileSync(toml, text);
    const finished = await run('e');
    assertError(t, finished, 'CONFIG_INVALID');
    t.regex(finished.stderr, message);
  }
});

test('docs/security.md lists every limit with its default', (t) => {
  const security = readFileSync('docs/security.md', 'utf8');
  for (const [name, { of, flag, default: value, unit }] of Object.entries(limitTable)) {
    const shown = unit === 'bytes' ? inUnits(value) : String(value);
    t.true(
      security.includes(`| \`${name}\` | ${of} | ${shown} | ${flag ? `\`${flag}\`` : ''} |`),
      `${name}: ${of}: ${shown}`,
    );
  }
});

function inUnits(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.floor(Math.log2(bytes) / 10);
  return `${bytes / 2 ** (10 * power)} ${units[power]}`;
}

/** Lets the test run without root. */
function asUser() {
  const uid = process.geteuid!();
  if (uid === 0) return {};
  const map = (id: number) => [{ containerID: 0, hostID: id, size: 1 }];
  return { map: { uidMappings: map(uid), gidMappings: map(process.getegid!()), rootless: true } };
}

function imageOf(
  t: ExecutionContext<unknown>,
  { layers = [[file]], image, indexes }: Omit<LimitCase, 'limit'>,
) {
  const built = buildImage(t, layers, image);
  if (indexes === undefined) return built.reference;
  const index = JSON.parse(readFileSync(join(built.layout, 'index.json'), 'utf8')) as Index;
  const { annotations, ...inner } = index.manifests[0]!;
  let manifests = [inner, inner];
  for (let at = 0; at < indexes; at++) {
    const document = { schemaVersion: 2, mediaType: INDEX, manifests };
    const wrapped = put(built.layout, Buffer.from(JSON.stringify(document)), INDEX);
    manifests = [wrapped];
  }
  index.manifests = manifests.map((one) => ({ ...one, annotations: annotations! }));
  writeFileSync(join(built.layout, 'index.json'), JSON.stringify(index));
  return built.reference;
}

function hooksWith(t: ExecutionContext<unknown>, [point, body]: [string, string]): string {
  const dir = tmpdir(t);
  chmodSync(dir, 0o755);
  writeFileSync(join(dir, 'hook'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const toml = join(dir, 'hooks.toml');
  writeFileSync(toml, `[[hook]]\npoint = "${point}"\nexec = ["${join(dir, 'hook')}"]\n`, { mode: 0o644 });
  return toml;
}

const readers: readonly (readonly string[])[] = [
  ['ls-files'],
  ['cat', 'a'],
  ['inspect'],
  ['export', '--output', '/dev/null'],
  ['flatten', '--tag', 'flat'],
];

for (const [command, ...rest] of readers)
  test(`limit unpacked counts for ${command}, too`, async (t) => {
    const { reference } = buildImage(t, [[file]]);
    const [flags, operands] = rest[0]?.startsWith('--') ? [rest, []] : [[], rest];
    const image = ['flatten', 'export'].includes(command!) ? ['--image', reference] : [reference];
    const run = (limit: string) =>
      layerhook([command!, '--limit', `unpacked=${limit}`, ...flags, ...image, ...operands]);
    assertError(t, await run('15000'), 'LIMIT_EXCEEDED');
    t.is((await run('150000')).status, 0);
  });
