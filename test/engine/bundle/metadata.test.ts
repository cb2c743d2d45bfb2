/** Damaged metadata of bundles, by an edit or by a disk: one clear error, never a guess. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { readBundleMeta } from '../../../src/engine/bundle/metadata.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { layerhook, refused } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

async function unpacked(t: ExecutionContext) {
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]).reference;
  const bundle = join(tmpdir(t), 'bundle');
  await unpack({ image, bundle, hooksFile: null });
  const edit = (name: string, change: (json: Record<string, unknown>) => unknown) => {
    const file = join(bundle, name);
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')))));
  };
  return { image, bundle, edit };
}

const walk = (...descriptor_walk: unknown[]) => ({ from_descriptor_path: { descriptor_walk } });
const maps = (map_options: unknown) => ({ map_options });
const range = { containerID: 0, hostID: 1, size: 1 };
const damages: [name: string, change: object, reason: RegExp][] = [
  ['umoci.json', { umoci_version: '1' }, /umoci\.json has version 1, not 2/],
  ['umoci.json', walk(), /names no image manifest/],
  ['umoci.json', walk(7), /a descriptor of umoci\.json is malformed: it is not a JSON object/],
  ['umoci.json', walk({ digest: 'x' }), /a descriptor of umoci\.json is malformed: its mediaType/],
  ['umoci.json', walk({ digest: 'x', mediaType: 'a', size: 1 }), /malformed digest x/],
  ['umoci.json', maps(7), /malformed ID mappings/],
  ['umoci.json', maps({ uid_mappings: {} }), /malformed ID mappings/],
  ['umoci.json', maps({ uid_mappings: [7] }), /malformed ID mappings/],
  ['umoci.json', maps({ gid_mappings: [{ ...range, hostID: '1' }] }), /malformed ID mappings/],
  ['umoci.json', maps({ gid_mappings: [{ ...range, size: -1 }] }), /malformed ID mappings/],
  ['umoci.json', maps({ rootless: 'no' }), /malformed ID mappings/],
  ['layerhook.json', { version: 2 }, /layerhook\.json has version 2, not 1/],
  ['layerhook.json', { driver: null }, /names no driver/],
  [
    'layerhook.json',
    { driver: { name: 'copy', options: 7 } },
    /the options of driver copy are not an object/,
  ],
  [
    'layerhook.json',
    { driver: { name: 'copy', options: [] } },
    /the options of driver copy are not an object/,
  ],
];
for (const [name, change, reason] of damages) {
  rootTest(`${name} with ${JSON.stringify(change)}`, async (t) => {
    const { bundle, edit } = await unpacked(t);
    edit(name, (json) => ({ ...json, ...change }));
    t.throws(() => readBundleMeta(bundle), { code: 'BUNDLE_INVALID', message: reason });
  });
}

for (const text of ['', '{', 'null', '[]', '"x"'])
  rootTest(`files that have ${text || 'nothing'} in place of an object`, async (t) => {
    for (const name of ['umoci.json', 'layerhook.json']) {
      const { bundle } = await unpacked(t);
      writeFileSync(join(bundle, name), text);
      t.throws(() => readBundleMeta(bundle), { code: 'BUNDLE_INVALID', message: new RegExp(name) });
    }
  });

rootTest('a directory or FIFO in place of a metadata file is refused without reading it', async (t) => {
  for (const name of ['umoci.json', 'layerhook.json'])
    for (const make of [mkdirSync, (path: string) => execFileSync('mkfifo', [path])]) {
      const { image, bundle } = await unpacked(t);
      rmSync(join(bundle, name));
      make(join(bundle, name));
      await refused(
        t,
        layerhook(['repack', '--image', image, bundle]),
        new RegExp(`${name}: it is not a regular file`),
      );
    }
});

rootTest('a manifest without a root is not taken for one of an empty tree', async (t) => {
  for (const text of ['', 'garbage\n']) {
    const { image, bundle } = await unpacked(t);
    const { from } = readBundleMeta(bundle);
    writeFileSync(join(bundle, `${from.at(-1)!.digest.replace(':', '_')}.mtree`), text);
    rmSync(join(bundle, 'layerhook.index'));
    await t.throwsAsync(repack({ image, bundle, hooksFile: null }), {
      code: 'MTREE_INVALID',
      message: /its entry for the root directory is missing/,
    });
  }
});
