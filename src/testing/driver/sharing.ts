import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, expectPaths, expectTree } from '../case.js';
import { dir, file, hardlink, symlink } from '../entries.js';
import { LayerModel } from '../model.js';
import type { RawEntry } from '../tar.js';
import { expectEntries, layerOf } from './repack-case.js';
import { driverCase } from './workshop.js';

/** Layers that hide, replace and extend each other, with all types of entries. */
function richLayers(): RawEntry[][] {
  return [
    [
      dir('.', { mode: 0o711, mtime: 11.5 }),
      ...[
        dir('etc', { mode: 0o750, gid: 4, mtime: 7.25, xattrs: { 'trusted.note': 'etc' } }),
        file('etc/passwd', 'root:x:0:0', { mtime: 8.125 }),
      ],
      ...[
        dir('usr'),
        dir('usr/lib', { mtime: 3 }),
        file('usr/lib/a', 'a', { xattrs: { 'user.x': '1' } }),
        symlink('lib', 'usr/lib'),
      ],
      ...[dir('old'), file('old/x', 'x'), dir('keep'), file('keep/f', 'f')],
      ...[file('suid', 's', { mode: 0o4755, uid: 5 }), hardlink('suid2', 'suid')],
      { name: 'null', type: 'char', devMajor: 1, devMinor: 3 },
    ],
    [file('etc/motd', 'hello'), file('.wh.old'), file('lib/b', 'b'), { name: 'fifo', type: 'fifo' }],
    [file('keep/.wh..wh..opq'), file('keep/g', 'g'), hardlink('etc/shadow', 'etc/passwd'), file('new\n\xff')],
  ];
}

/** Changes a rootfs in all possible ways. */
function change(rootfs: string): void {
  const at = (name: string) => join(rootfs, name);
  writeFileSync(at('etc/passwd'), 'changed', { flag: 'r+' });
  chmodSync(at('suid'), 0o600);
  renameSync(at('etc/motd'), at('etc/motd2'));
  rmSync(at('keep'), { recursive: true });
  mkdirSync(at('made'));
  writeFileSync(at('usr/lib/new'), 'new');
  chmodSync(rootfs, 0o700);
}

const store = 'docs/drivers.md: a driver with a store gives every bundle the same tree';
const private_ = 'a bundle is independent: shared layers are read-only';

export const sharingCases = [
  driverCase({
    name: 'a second unpack gives the same tree as the first',
    rule: 'a store keeps layers completely',
    source: store,
    run: async (workshop) => {
      const image = workshop.image(richLayers());
      const expected = LayerModel.of(richLayers()).tree();
      for (let i = 0; i < 2; i++) expectTree((await workshop.unpack(image)).tree(), expected);
    },
  }),
  driverCase({
    name: 'two bundles of one image do not see changes in the other',
    rule: 'changes of files, modes, names and the root directory stay in one bundle',
    source: private_,
    run: async (workshop) => {
      const image = workshop.image(richLayers());
      // the first unpack may work differently from later unpacks, which use a store
      await workshop.unpack(image);
      const [first, second] = [await workshop.unpack(image), await workshop.unpack(image)];
      const before = second.tree();
      change(first.rootfs);
      const changed = first.tree();
      expectTree(second.tree(), before);
      rmSync(join(second.rootfs, 'usr'), { recursive: true });
      expectTree(first.tree(), changed);
    },
  }),
  driverCase({
    name: 'changes in a bundle do not affect bundles created later',
    rule: 'changes in a bundle never reach the store',
    source: private_,
    run: async (workshop) => {
      const image = workshop.image(richLayers());
      const expected = LayerModel.of(richLayers()).tree();
      for (let round = 0; round < 3; round++) {
        const bundle = await workshop.unpack(image);
        expectTree(bundle.tree(), expected);
        change(bundle.rootfs);
        if (round === 1) await workshop.remove(bundle.bundle);
      }
    },
  }),
  driverCase({
    name: 'the same layer above other parents',
    rule: 'parents, hardlinks and symlinked parents that a layer does not contain come from the layers below in this image',
    source: 'image-spec config.md: the chainID identifies an applied layer, not the diffID',
    run: async (workshop) => {
      const top = [
        file('d/e/f', 'f'),
        hardlink('h', 'd/t'),
        file('l/g', 'g'),
        file('d/.wh.gone'),
        file('x/y/z'),
      ];
      const bases = [
        [
          dir('d', { mode: 0o700, mtime: 5 }),
          file('d/t', 'one'),
          file('d/gone'),
          dir('m'),
          symlink('l', 'm'),
        ],
        [
          dir('d', { uid: 6, gid: 7 }),
          file('d/t', 'two!', { uid: 3 }),
          dir('d/e', { mode: 0o711 }),
          dir('l'),
        ],
        [
          file('d/t', 'three'),
          dir('d/gone'),
          file('d/gone/x'),
          dir('x', { mode: 0o1777 }),
          symlink('l', '/x'),
        ],
      ];
      for (const base of bases) {
        const { tree } = await workshop.unpack([base, top]);
        expectTree(tree(), LayerModel.of([base, top]).tree());
      }
    },
  }),
  driverCase({
    name: 'an image with one more layer than another',
    rule: 'existing layers are used, and the layers on top are added',
    source: store,
    run: async (workshop) => {
      const layers = richLayers();
      for (const count of [2, 3, 1]) {
        const some = layers.slice(0, count);
        expectTree((await workshop.unpack(some)).tree(), LayerModel.of(some).tree());
      }
    },
  }),
  driverCase({
    name: 'bundles of one image that are created at the same time',
    rule: 'every bundle gets the whole tree, no matter which unpack extracts a layer',
    source: 'several processes may use a store at the same time',
    run: async (workshop) => {
      const layers = [...richLayers(), [file('at-the-same-time', String(Math.random()))]];
      const image = workshop.image(layers);
      const expected = LayerModel.of(layers).tree();
      const bundles = await Promise.all([1, 2, 3].map(() => workshop.unpack(image)));
      for (const { tree } of bundles) expectTree(tree(), expected);
    },
  }),
  driverCase({
    name: 'a removed bundle leaves nothing behind, and other bundles do not change',
    rule: 'its files, directories and mounts are gone',
    source: 'docs/hook-protocol.md, bundle.ociv1.remove',
    run: async (workshop) => {
      const image = workshop.image(richLayers());
      const [first, second] = [await workshop.unpack(image), await workshop.unpack(image)];
      await workshop.remove(second.bundle);
      workshop.assertGone(second.bundle);
      expectTree(first.tree(), LayerModel.of(richLayers()).tree());
      await workshop.remove(first.bundle);
      workshop.assertNothingLeft(first.bundle);
    },
  }),
  driverCase({
    name: 'a bundle that is unmounted and mounted again',
    rule: 'it keeps all changes, and a repack finds exactly these',
    source: 'docs/hook-protocol.md, bundle.ociv1.mount: bundles come back after a reboot',
    run: async (workshop) => {
      const bundle = await workshop.unpack(workshop.image(richLayers()), { mtree: 'always' });
      writeFileSync(join(bundle.rootfs, 'usr/lib/new'), 'new');
      const before = bundle.tree();
      await workshop.umount(bundle.bundle);
      expect(workshop.mounts().length === 0, 'something is still mounted');
      await workshop.mount(bundle.bundle);
      expectTree(bundle.tree(), before);
      expectEntries(layerOf(bundle.image, await workshop.repack(bundle)), ['usr/lib/new', 'usr/lib']);
    },
  }),
  driverCase({
    name: 'the umask of the unpack',
    rule: 'it has no effect: modes come from the layers, also in a store',
    source: 'umask(2)',
    run: async (workshop) => {
      const layers = [
        ...richLayers(),
        [dir('for-all', { mode: 0o777 }), file('i/f', 'umask', { mode: 0o666 })],
      ];
      const umask = process.umask(0o077);
      const { tree } = await workshop.unpack(layers).finally(() => process.umask(umask));
      expectTree(tree(), LayerModel.of(layers).tree());
    },
  }),
  driverCase({
    name: 'config.json is generated when the rootfs is complete',
    rule: 'after assemble, the rootfs is usable: bundle.config finds the files of the image in it',
    source: 'docs/hook-protocol.md, unpack.ociv1.bundle.assemble',
    run: async (workshop) => {
      const seen: string[] = [];
      const { bundle } = await workshop.unpack(workshop.image(richLayers()), {
        hooks: [
          {
            name: 'conformance',
            hooks: {
              'unpack.ociv1.bundle.config': ({ rootfs, spec }) => {
                seen.push(readFileSync(join(rootfs, 'etc/passwd'), 'utf8'));
                return { ...spec, hostname: 'hooked' };
              },
            },
          },
        ],
      });
      expect(seen.join() === 'root:x:0:0', `bundle.config found in etc/passwd: ${seen.join()}`);
      const spec = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
      expect(
        spec.hostname === 'hooked' && spec.root?.path === 'rootfs',
        'config.json differs from the result of the hook',
      );
    },
  }),
  driverCase({
    name: 'the user of config.json is looked up in the assembled rootfs',
    rule: 'user names are resolved with the etc/passwd of the topmost layer',
    source: 'image-spec config.md, "User"',
    run: async (workshop) => {
      const layers = [[file('etc/passwd', 'web:x:1:1::/:/\n')], [file('etc/passwd', 'web:x:33:34::/:/\n')]];
      const { bundle } = await workshop.unpack(workshop.image(layers, { config: { User: 'web' } }));
      const { user } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')).process;
      expect(user.uid === 33 && user.gid === 34, `the user is ${user.uid}:${user.gid}, not 33:34`);
    },
  }),
];

const shapes = 'image-spec manifest.md, "layers": an array of any length';

function shapeCase(name: string, rule: string, layers: () => RawEntry[][]) {
  return driverCase({
    name,
    rule,
    source: shapes,
    run: async (workshop) => {
      const made = layers();
      const { tree, rootfs } = await workshop.unpack(made);
      expectTree(tree(), LayerModel.of(made).tree());
      writeFileSync(join(rootfs, 'written'), 'w');
      expectPaths(tree(), { written: { size: 1 } });
    },
  });
}

export const shapeCases = [
  shapeCase('an image without layers', 'the rootfs is an empty, writable directory', () => []),
  shapeCase('an image of one layer', 'the rootfs is that layer, and is writable', () => [[file('f', 'f')]]),
  shapeCase('an image with empty layers', 'a layer may be empty', () => [[], [file('f')], []]),
  shapeCase(
    'an image with the same layer twice',
    'a layer may be repeated, and hides files of the layers in between',
    () => {
      const twice = [file('f', 'first'), file('d/.wh.g')];
      return [twice, [file('f', 'second'), file('d/g')], twice];
    },
  ),
  shapeCase('an image of 130 layers', 'limits of mounts do not limit the number of layers', () =>
    Array.from({ length: 130 }, (_, at) => [
      ...[file('top', `${at}`), file(`all/f${at}`, `${at}`), dir(`own${at % 7}`, { mtime: at })],
      ...(at > 0 ? [file(`all/.wh.f${at - 1}-`), file(`own${(at - 1) % 7}/.wh..wh..opq`)] : []),
      file(`own${at % 7}/f${at}`),
    ]),
  ),
];
