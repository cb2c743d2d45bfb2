/** What is tried under faults on the layer store. */
import { join } from 'node:path';
import { chainIDs } from '../../src/image/chain.js';
import { sha256 } from '../../src/testing/image.js';
import { tar } from '../helpers/tar.js';
import { layers } from './image.js';
import { files, tags, type View } from './look.js';
import { lh, type Place, succeedIn } from './place.js';
import { changedBundle, image, mountBundle, storeGc, unpack, whole } from './prepared.js';
import type { Scenario } from './scenario.js';

/** The highest layer of the image by its chainID: no other layer is on top of it. */
const highestLayer = chainIDs(layers.map((entries) => sha256(tar(entries)))).at(-1)!;

/** Without --keep, it would remove the layers. */
const keepAll = () => [lh('store', 'gc', '--keep', '1TiB')];

/** Returns the layers that the store lists. */
function layersOf(place: Place): View {
  const list = JSON.parse(succeedIn(place, lh('store', 'ls', '--json'))) as { layer: { diffID: string } }[];
  return Object.fromEntries(list.map(({ layer }) => [layer.diffID, 'stored']));
}

export const ofStores: readonly Scenario[] = [
  {
    name: 'store rm',
    prepare: (place) => {
      image(place);
      succeedIn(place, unpack(place, 'overlay'), lh('bundle', 'rm', place.bundle));
    },
    command: () => lh('store', 'rm', highestLayer),
    looks: [tags, layersOf],
    gc: keepAll,
    done: /no layer/,
  },
  {
    name: 'store gc',
    prepare: (place) => {
      changedBundle(place, 'erofs');
      succeedIn(place, lh('bundle', 'rm', place.bundle), unpack(place, 'overlay'));
    },
    begin: mountBundle,
    command: () => lh('store', 'gc'),
    looks: whole,
    gc: storeGc,
  },
  {
    name: 'store export',
    prepare: (place) => {
      image(place);
      succeedIn(place, unpack(place, 'erofs'), lh('bundle', 'rm', place.bundle));
    },
    command: ({ root }) => lh('store', 'export', highestLayer, join(root, 'out.tar')),
    looks: [tags, layersOf, files('out.tar')],
    gc: keepAll,
    leaves: /^\/\.layerhook-/,
    done: /out\.tar.*exist/,
  },
  {
    name: 'store sync',
    prepare: (place) => changedBundle(place, 'overlay'),
    begin: mountBundle,
    command: () => lh('store', 'sync'),
    looks: whole,
    gc: storeGc,
  },
];
