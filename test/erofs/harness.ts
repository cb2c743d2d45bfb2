import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { tarAt } from '../../src/erofs/format.js';
import { ErofsImage, type ErofsImageOptions } from '../../src/erofs/image.js';
import { checkEntry } from '../../src/layer/apply/check-entry.js';
import type { CheckedEntry, EntryList } from '../../src/layer/types.js';
import type { LowerDependency } from '../../src/overlay/fix-up/fix-up.js';
import { LowerTree } from '../../src/overlay/lower-tree.js';
import { fromText } from '../../src/system/bytes.js';
import { MS, mountOverlay, unmount } from '../../src/system/mount.js';
import { mountErofs } from '../../src/system/mount-erofs.js';
import { TarReader } from '../../src/tar/index.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { type Tree, treeOf } from '../helpers/tree.js';

/** Layers as images, mounted on top of each other. */
export interface Images extends AsyncDisposable {
  /** lowest first */
  files: string[];
  /** mount points, highest first */
  mounts: string[];
  warnings: string[];
  /** lowest first */
  dependencies: (LowerDependency[] | null)[];
  /** Lists what an overlay of all images shows. */
  tree(): Tree;
}

/** Returns the entries of a tar as the engine gives them to hooks. */
export function entriesOf(bytes: Buffer): CheckedEntry[] {
  const pieces = [bytes];
  const reader = new TarReader({ read: () => pieces.pop() ?? null });
  const entries: CheckedEntry[] = [];
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    const checked = checkEntry(entry, reader);
    if (checked !== null) entries.push(checked);
  }
  return entries;
}

/** Lists entries as the engine does: one in a batch. */
export function listOf(entries: Iterable<CheckedEntry>): Pick<EntryList, 'batches'> {
  function* batches(only?: 'whiteouts') {
    for (const entry of entries)
      if (only === undefined || ['whiteout', 'opaque'].includes(entry.type)) yield [entry];
  }
  return { batches };
}

/** Makes an image of each layer, and mounts it for the layers above. */
export async function images(
  t: ExecutionContext<unknown>,
  layers: (RawEntry[] | Buffer)[],
  options: Partial<ErofsImageOptions> = {},
): Promise<Images> {
  const root = tmpdir(t);
  const made: Pick<Images, 'files' | 'mounts' | 'warnings' | 'dependencies'> = {
    ...{ files: [], mounts: [], warnings: [], dependencies: [] },
  };
  const unmountAll = () => {
    for (const place of made.mounts.splice(0)) unmount(fromText(place), { detach: true });
  };
  t.teardown(unmountAll);
  for (const [at, layer] of layers.entries()) {
    const file = join(root, `${at}.erofs`);
    const place = join(root, `${at}`);
    const bytes = Buffer.isBuffer(layer) ? layer : tar(layer);
    const { dependencies } = await build(file, bytes, made, options);
    mkdirSync(place);
    mountErofs(fromText(file), fromText(place));
    made.files.push(file);
    made.dependencies.push(dependencies);
    made.mounts.unshift(place);
  }
  return {
    ...made,
    tree: () => treeOfOverlay(root, made.mounts),
    [Symbol.asyncDispose]: async () => unmountAll(),
  };
}

async function build(
  file: string,
  bytes: Buffer,
  { mounts, warnings }: Pick<Images, 'mounts' | 'warnings'>,
  options: Partial<ErofsImageOptions>,
) {
  writeFileSync(file, Buffer.concat([Buffer.alloc(tarAt), bytes]));
  const image = new ErofsImage({
    ...{ lower: LowerTree.open(mounts, 'trusted'), digest: 'sha256:0', keepDirlinks: false },
    warn: (message) => warnings.push(message),
    map: { uidMappings: [], gidMappings: [], rootless: false },
    ...options,
  });
  await image.add(listOf(entriesOf(bytes)));
  return { dependencies: await image.write(file) };
}

function treeOfOverlay(root: string, mounts: readonly string[]): Tree {
  const [place, empty] = [join(root, 'all'), join(root, 'empty')];
  for (const directory of [place, empty]) mkdirSync(directory, { recursive: true });
  mountOverlay({ lowerdirs: [...mounts, empty].map(fromText), flags: MS.RDONLY }, fromText(place));
  try {
    return treeOf(place);
  } finally {
    unmount(fromText(place), { detach: true });
  }
}
