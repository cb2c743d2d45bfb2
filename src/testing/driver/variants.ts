import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MapOptions } from '../../layer/types.js';
import { expectPaths, expectTree } from '../case.js';
import { dir, file, symlink } from '../entries.js';
import { LayerModel } from '../model.js';
import type { Tree } from '../tree.js';
import { expectEntries, layerOf } from './repack-case.js';
import { driverCase, type MadeBundle } from './workshop.js';

const first = 100_000;
const range = { containerID: 0, hostID: first, size: 65_536 };
const mapped: MapOptions = { uidMappings: [range], gidMappings: [range], rootless: false };

/** Returns a tree with the owners that the map gives. */
function inMap(tree: Tree): Tree {
  const shift = (owner: string) =>
    owner
      .split(':')
      .map((id) => Number(id) + first)
      .join(':');
  return new Map([...tree].map(([path, entry]) => [path, { ...entry, owner: shift(entry.owner) }]));
}

const owned = () => [
  [dir('d', { uid: 7, gid: 8 }), file('d/f', 'f', { uid: 5 }), symlink('l', 'd')],
  [file('d/g', `${Math.random()}`, { gid: 9 }), file('i/x')],
];

const linked = () => [
  [dir('real'), symlink('link', 'real')],
  [dir('link', { mode: 0o700 }), file('link/f', `${Math.random()}`)],
];

/** One image, unpacked in different ways. A store must keep the results apart. */
export const variantCases = [
  driverCase({
    name: 'bundles of one image with and without an id map',
    rule: 'each bundle has the owners of its own map, in any order of unpacks, and a repack finds its changes only',
    source: 'user_namespaces(7); layers in a store have the owners that they were extracted with',
    run: async (workshop) => {
      for (const maps of [
        [mapped, undefined],
        [undefined, mapped],
      ]) {
        const layers = owned();
        const image = workshop.image(layers);
        const plain = LayerModel.of(layers).tree();
        for (const map of [...maps, ...maps]) {
          const bundle = await workshop.unpack(image, { mtree: 'always', ...(map && { map }) });
          expectTree(bundle.tree(), map ? inMap(plain) : plain);
          writeFileSync(join(bundle.rootfs, 'd/f'), 'changed');
          expectEntries(layerOf(image, await workshop.repack(bundle, { tag: 'changed' })), ['d/f']);
        }
      }
    },
  }),
  driverCase({
    name: 'bundles of one image with and without keep-dirlinks',
    rule: 'each bundle has the symlink or the directory of its own unpack, in any order of unpacks',
    source: 'umoci-unpack(1), --keep-dirlinks',
    run: async (workshop) => {
      for (const order of [
        [true, false],
        [false, true],
      ]) {
        const image = workshop.image(linked());
        for (const keepDirlinks of [...order, ...order]) {
          const tree = (await workshop.unpack(image, { keepDirlinks })).tree();
          if (keepDirlinks) expectPaths(tree, { link: { type: 'symlink' }, 'real/f': {} });
          else expectPaths(tree, { link: { type: 'dir', mode: '0700' }, 'link/f': {}, 'real/f': null });
        }
      }
    },
  }),
  driverCase({
    name: 'two operations with one driver object, one after the other and at the same time',
    rule: 'a driver keeps the state of an operation apart from that of others',
    source: 'docs/drivers.md, "What a driver must get right": state',
    run: async (workshop) => {
      const driver = await workshop.driverObject();
      const more = driver === undefined ? {} : { driver };
      const unpackOne = async (): Promise<MadeBundle> => {
        const layers = owned();
        const bundle = await workshop.unpack(layers, more);
        expectTree(bundle.tree(), LayerModel.of(layers).tree());
        return bundle;
      };
      await unpackOne();
      await unpackOne();
      await Promise.all([unpackOne(), unpackOne(), unpackOne()]);
    },
  }),
];
