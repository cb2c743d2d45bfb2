/** JSON documents that cost much more memory than their size, or have more of something than any image. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { layerhook } from '../../helpers/cli.js';
import { assertError } from '../../helpers/hostile.js';
import { buildImage, type ImageOptions } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

const MiB = 2 ** 20;
const heap = { env: { NODE_OPTIONS: '--max-old-space-size=512' } };
const many = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

const indexes: Record<string, () => string> = {
  'nested lists': () => '['.repeat(16 * MiB - 50) + ']'.repeat(16 * MiB - 50),
  'nested objects': () => '{"a":'.repeat(5 * MiB),
  'empty objects in a known field': () => `{"schemaVersion":2,"manifests":[${'{},'.repeat(10 * MiB)}{}]}`,
  'empty lists in an unknown field': () =>
    `{"schemaVersion":2,"manifests":[],"x":[${'[],'.repeat(10 * MiB)}[]]}`,
  numbers: () => `{"schemaVersion":2,"manifests":[],"x":[${'1,'.repeat(15 * MiB)}1]}`,
  'a file above the limit': () => ' '.repeat(33 * MiB),
};
for (const [name, make] of Object.entries(indexes)) {
  test(`index.json of ${name} is one clear error, in 512 MiB of heap`, async (t) => {
    const { layout, reference } = buildImage(t, []);
    writeFileSync(join(layout, 'index.json'), make());
    for (const args of [
      ['ls', '--layout', layout],
      ['tag', '--image', reference, 'b'],
      ['gc', '--layout', layout],
    ]) {
      assertError(t, await layerhook(args, heap), 'LIMIT_EXCEEDED');
    }
  });
}

test('--max-json raises and lowers the limit', async (t) => {
  const annotations = Object.fromEntries(many(2000, (at) => [`${at}`, '']));
  const { layout } = buildImage(t, [], {
    edit: { index: (index) => void Object.assign(index, { annotations }) },
  });
  const ls = ['ls', '--layout', layout];
  t.is((await layerhook(ls)).status, 0);
  assertError(t, await layerhook([...ls, '--max-json', '10kB']), 'LIMIT_EXCEEDED');
  assertError(t, await layerhook([...ls, '--max-json', '40kB']), 'LIMIT_EXCEEDED');
  t.is((await layerhook([...ls, '--max-json', '1MiB'])).status, 0);
  assertError(t, await layerhook([...ls, '--max-json', 'much']), 'USAGE');
});

/** Images with as many values as a config of 8 MiB may have. They work, and no call has one argument for each. */
const count = 120_000;
const large: Record<string, NonNullable<ImageOptions['edit']>['config']> = {
  labels: ({ config }) =>
    void Object.assign(config!, { Labels: Object.fromEntries(many(count, (at) => [at.toString(36), ''])) }),
  variables: ({ config }) =>
    void Object.assign(config!, { Env: many(count, (at) => `A${at.toString(36)}=`) }),
  volumes: ({ config }) =>
    void Object.assign(config!, {
      Volumes: Object.fromEntries(many(count, (at) => [`/${at.toString(36)}`, {}])),
    }),
  'history entries': (config) => void Object.assign(config, { history: many(count, () => ({})) }),
  'one label of 4 MiB': ({ config }) => void Object.assign(config!, { Labels: { a: '\n'.repeat(2 * MiB) } }),
};
for (const [name, edit] of Object.entries(large)) {
  rootTest(`a config with many ${name} is read`, async (t) => {
    const { reference } = buildImage(t, [], { edit: { config: edit! } });
    t.is((await layerhook(['stat', '--image', reference])).status, 0);
    t.is((await layerhook(['stat', '--json', '--image', reference])).status, 0);
    const { status, stderr } = await layerhook(['unpack', '--image', reference, join(tmpdir(t), 'bundle')]);
    t.is(status, 0, stderr);
  });
}

test('more layers than any image has are one clear error', async (t) => {
  const image = manyLayers(t, 5000);
  assertError(t, await layerhook(['unpack', '--image', image, join(tmpdir(t), 'bundle')]), 'LIMIT_EXCEEDED');
});

function manyLayers(t: ExecutionContext<unknown>, layers: number): string {
  const edit: ImageOptions['edit'] = {
    manifest: (manifest) => {
      manifest.layers = many(layers, () => manifest.layers[0]!);
    },
  };
  return buildImage(t, [[{ name: 'a' }]], { edit }).reference;
}
