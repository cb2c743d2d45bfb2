/** What is tried under faults on bundles: unpack, repack, mounts, removal. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, listed, tags, type View } from './look.js';
import { Fault, lh, type Place, runIn, succeedIn } from './place.js';
import { bothGc, changedBundle, image, mountBundle, storeGc, unpack, whole } from './prepared.js';
import type { Scenario } from './scenario.js';

const drivers = ['copy', 'overlay', 'erofs', 'btrfs'];

/** The file system that a driver needs. */
const diskOf = (driver: string) => (driver === 'btrfs' ? { fileSystem: 'btrfs' as const } : {});

/** Private directories beside a bundle. */
const beside = /^\/\.b\.layerhook-/;

/** The same, and what the btrfs driver removes when it makes the next layer. */
const partial = /^\/(\.b\.layerhook-|store\/btrfs\/)/;

const asDirectories = /EROFS images cannot be mounted, so layers are stored as directories/;

const unpacks = drivers.map(
  (driver): Scenario => ({
    name: `unpack ${driver}`,
    ...diskOf(driver),
    prepare: (place) => {
      image(place);
      // an empty store
      succeedIn(place, unpack(place, driver), lh('bundle', 'rm', place.bundle), lh('store', 'gc'));
    },
    command: (place) => unpack(place, driver),
    looks: whole,
    gc: storeGc,
    leaves: driver === 'btrfs' ? partial : beside,
    done: /already/,
    otherwise: asDirectories,
  }),
);

const repack = (place: Place, ...options: string[]) =>
  lh('repack', ...options, '--image', `${place.layout}:new`, place.bundle);
const repacks = [
  ['copy', false],
  ['copy', true],
  ['overlay', false],
  ['overlay', true],
  ['erofs', false],
  ['erofs', true],
  ['btrfs', false],
  ['btrfs', true],
] as const;

const repacking = repacks.map(
  ([driver, refresh]): Scenario => ({
    name: `repack ${driver}${refresh ? ' refresh' : ''}`,
    ...diskOf(driver),
    prepare: (place) => changedBundle(place, driver),
    begin: mountBundle,
    command: (place) => repack(place, ...(refresh ? ['--refresh-bundle', '--no-history'] : [])),
    looks: whole,
    gc: bothGc,
    otherwise: asDirectories,
    leaves: /^\/(b\/(.*\.tmp|sha#_#\.mtree|layerhook\.(clock|index|entries-.*))$|store\/btrfs\/)/,
  }),
);

const removing = drivers.map(
  (driver): Scenario => ({
    name: `bundle rm ${driver}`,
    ...diskOf(driver),
    prepare: (place) => changedBundle(place, driver),
    // a power loss may come after the removal
    begin: (place) => {
      if (existsSync(place.bundle)) mountBundle(place);
    },
    command: (place) => lh('bundle', 'rm', place.bundle),
    looks: [tags, wholeBundle, listed],
    gc: storeGc,
    leaves: /^\/(\.b\.layerhook-|b(\/|$))/,
    done: /no bundle at/,
    removes: true,
  }),
);

/** A bundle that is partly removed is refused until it is removed. */
function wholeBundle(place: Place): View {
  const { status, stderr } = runIn(place, lh('bundle', 'mount', place.bundle));
  if (status === 0) return bundle(place);
  if (!/bundle rm|no bundle at/.test(stderr)) throw new Fault(stderr);
  return {};
}

export const ofBundles: readonly Scenario[] = [
  ...unpacks,
  ...repacking,
  ...removing,
  {
    name: 'bundle mount',
    prepare: (place) => changedBundle(place, 'overlay'),
    command: (place) => lh('bundle', 'mount', place.bundle),
    looks: [bundle, listed],
    gc: storeGc,
  },
  {
    name: 'bundle umount',
    prepare: (place) => changedBundle(place, 'overlay'),
    begin: mountBundle,
    command: (place) => lh('bundle', 'umount', place.bundle),
    looks: [mounted, listed],
    gc: storeGc,
  },
];

/** Tells if the rootfs is mounted. */
function mounted({ bundle: directory }: Place): View {
  return { mounted: String(readdirSync(join(directory, 'rootfs')).length > 0) };
}
