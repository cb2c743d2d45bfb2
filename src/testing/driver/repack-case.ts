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

/** An image, what is done to a bundle of it, and what the layer of that is to hold. */
export interface RepackCase extends CaseWords {
  layers: RawEntry[][];
  edit(edits: Edits): void;
  /** names of the layer's entries; directories that these are in may be there too. None: there is no layer. */
  entries: ByteString[];
  /** true: no manifest unless the driver wants one, since writing it reads, and so stamps, all files */
  unread?: boolean;
  /** names that may be there too: what they say is no more than what is so anyway */
  mayHave?: RegExp;
}

/** Unpacks, edits, repacks: the new layer has the entries, and on top of the others gives the tree that was there. */
export function repackCase({
  layers,
  edit,
  entries,
  unread = false,
  mayHave,
  ...words
}: RepackCase): DriverCase {
  return driverCase({ ...words, name: `repack: ${words.name}` }, async (workshop) => {
    const bundle = await workshop.unpack(workshop.image(layers), { mtree: unread ? undefined : 'always' });
    edit(new Edits(bundle.rootfs));
    // before anything reads the files: reading stamps inodes, and so betrays changes that are only cached
    const layer = layerOf(bundle.image, await workshop.repack(bundle));
    const now = inSeconds(bundle.tree());
    expectEntries(
      layer.filter(({ name }) => !mayHave?.test(name)),
      entries,
    );
    await workshop.repack(bundle, { tag: 'again' });
    expectTree(inSeconds(bundle.tree()), now);
    const model = LayerModel.of(layers);
    model.apply(layer);
    expectTree(inSeconds(model.tree()), now);
  });
}

/** @throws AssertionError unless the layer has these entries, and besides them only directories that they are in */
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

/** The entries of a layer that was made without compression; none if there is none. */
export function layerOf({ blob }: BuiltImage, { layer }: RepackResult): LayerEntry[] {
  return layer ? readLayer(readFileSync(blob(layer.digest))) : [];
}

/** A tree with times as layers that repack makes have them: in whole seconds, as umoci's are. */
export function inSeconds(tree: Tree): Tree {
  return new Map(
    [...tree].map(([path, entry]) => [path, { ...entry, mtime: entry.mtime.replace(/\..*/, '') }]),
  );
}

function show(names: ByteString[]): string {
  return JSON.stringify(names);
}
