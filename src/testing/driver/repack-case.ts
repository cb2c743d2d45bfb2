import { readFileSync } from 'node:fs';
import type { RepackResult } from '../../engine/repack/repack.js';
import type { ByteString } from '../../system/bytes.js';
import { type CaseWords, expect, expectTree } from '../case.js';
import { Edits } from '../edits.js';
import type { BuiltImage } from '../image.js';
import { LayerModel } from '../model.js';
import { type LayerEntry, readLayer } from '../read-layer.js';
import type { RawEntry } from '../tar.js';
import type { Tree } from '../tree.js';
import type { DriverCase } from './harness.js';
import { driverCase } from './workshop.js';

/** An image, changes in its bundle, and the expected entries of the new layer. */
export interface RepackCase extends CaseWords {
  layers: RawEntry[][];
  edit(edits: Edits): void;
  /** names of the layer's entries; their parent directories are optional. An empty list: the repack adds no layer. */
  entries: ByteString[];
  /** true: the mtree is written only if the driver needs it, since writing it reads all files, which updates inodes */
  unread?: boolean;
  /** names of optional entries, which do not change the tree */
  mayHave?: RegExp;
  /** names of one file, sorted: a mounted overlay may show a new hard link of a lower layer's file as another file */
  linked?: ByteString[];
}

/** Creates a case that unpacks, edits and repacks. The new layer must have the entries, and the image the edited tree. */
export function repackCase({
  layers,
  edit,
  entries,
  unread = false,
  mayHave,
  linked = [],
  ...words
}: RepackCase): DriverCase {
  const shown = (tree: Tree) => withLinks(inSeconds(tree), linked);
  return driverCase({
    ...words,
    name: `repack: ${words.name}`,
    run: async (workshop) => {
      const bundle = await workshop.unpack(workshop.image(layers), { mtree: unread ? undefined : 'always' });
      edit(new Edits(bundle.rootfs));
      // repack before reading the files: reading updates inodes, which would reveal changes that are only cached
      const layer = layerOf(bundle.image, await workshop.repack(bundle));
      const now = shown(bundle.tree());
      expectEntries(
        layer.filter(({ name }) => !mayHave?.test(name)),
        entries,
      );
      await workshop.repack(bundle, { tag: 'again' });
      expectTree(shown(bundle.tree()), now);
      const model = LayerModel.of(layers);
      model.apply(layer);
      expectTree(inSeconds(model.tree()), now);
    },
  });
}

function withLinks(tree: Tree, names: ByteString[]): Tree {
  for (const name of names) tree.set(name, { ...tree.get(name)!, links: names });
  return tree;
}

/** @throws AssertionError unless the layer has exactly these entries and, optionally, their parent directories */
export function expectEntries(layer: LayerEntry[], entries: ByteString[]): void {
  const names = layer.map(({ name }) => name.replace(/\/$/, ''));
  const missing = entries.filter((name) => !names.includes(name));
  expect(missing.length === 0, `the layer lacks ${show(missing)}; it has ${show(names)}`);
  const above = (name: ByteString) => name === '.' || entries.some((entry) => entry.startsWith(`${name}/`));
  const others = layer.filter(
    ({ type }, at) => !entries.includes(names[at]!) && !(type === 'directory' && above(names[at]!)),
  );
  expect(others.length === 0, `the layer has ${show(others.map(({ name }) => name))}, which did not change`);
  expect(new Set(names).size === names.length, `the layer has a name twice: ${show(names)}`);
}

/** Returns the entries of an uncompressed new layer; empty if the repack did not make a layer. */
export function layerOf({ blob }: BuiltImage, { layer }: RepackResult): LayerEntry[] {
  return layer ? readLayer(readFileSync(blob(layer.digest))) : [];
}

/** Returns a tree with times in whole seconds, as layers of repack and of umoci have. */
export function inSeconds(tree: Tree): Tree {
  return new Map(
    [...tree].map(([path, entry]) => [path, { ...entry, mtime: entry.mtime.replace(/\..*/, '') }]),
  );
}

function show(names: ByteString[]): string {
  return JSON.stringify(names);
}
