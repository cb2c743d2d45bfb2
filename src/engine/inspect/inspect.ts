import type { Digest, ResolvedImage } from '../../image/types.js';
import { readMergedTree } from '../../layer/merged/read.js';
import type { MergedTree } from '../../layer/merged/tree.js';
import { type EncodedName, encodeName } from '../../text/json-names.js';
import { type ImageTreeOptions, openSources } from '../image/image-tree.js';
import type { PathChanges } from './path-changes.js';
import { type FailedRule, failedRules, type InspectRules, type Judged } from './rules.js';
import { measureTree, type SizedPath, type TreeSizes } from './sizes.js';
import { Top } from './top.js';
import { type Amount, ChangeWatcher, type LayerChanges } from './watcher.js';

export interface InspectImageOptions extends Omit<ImageTreeOptions, 'digests' | 'watch' | 'onEntry'> {
  /** how many of the largest files, directories and wasted paths are wanted; default: 10 */
  top?: number | undefined;
}

/** One layer of an inspected image. */
export interface InspectedLayer extends LayerChanges {
  /** 0 is the lowest */
  layer: number;
  digest: Digest;
  diffID: Digest;
  /** bytes of the blob */
  compressed: number;
  /** the command of the history entry; undefined if the history does not say */
  createdBy: string | undefined;
  /** entries of regular files in the tar, and the bytes of their content */
  files: Amount;
  /** bytes of the layer's files that the image lacks, because this layer or later ones replace or delete them */
  wasted: number;
}

/** A path with files that later layers replace or delete. */
export interface WastedPath extends SizedPath {
  /** number of the files */
  copies: number;
}

/** What an image is made of. Bytes are those of the content of regular files, unless a field says something else. */
export interface InspectedImage extends Judged, Omit<TreeSizes, 'layerBytes'> {
  /** digest of the manifest */
  digest: Digest;
  /** lowest first */
  layers: InspectedLayer[];
  /** bytes of all blobs, and of all uncompressed tars */
  compressed: number;
  uncompressed: number;
  /** largest first */
  wastedPaths: WastedPath[];
}

/** An inspected image, with all that the figures come from. */
export interface InspectedTree {
  image: InspectedImage;
  tree: MergedTree;
  watcher: ChangeWatcher;
}

/**
 * Reads an image without unpacking it, and tells what each layer does, what is large, and what is wasted: docs/images.md,
 * "Looking into an image". Each blob and diffID is verified.
 *
 * @throws LayerhookError of reading images and layers, LIMIT_EXCEEDED
 */
export async function inspectImage(options: InspectImageOptions): Promise<InspectedImage> {
  return (await inspectTree(options)).image;
}

/**
 * Does the same as {@link inspectImage}, and keeps the tree.
 *
 * @param record gets each change of a path, by the numbers of the watcher's paths
 */
export async function inspectTree(
  options: InspectImageOptions & Pick<ImageTreeOptions, 'digests'>,
  record?: PathChanges,
): Promise<InspectedTree> {
  const { top = 10, ...treeOptions } = options;
  const { image, sources, maxHoles } = await openSources(options);
  const files = sources.map((): Amount => ({ count: 0, bytes: 0 }));
  let watcher!: ChangeWatcher;
  const tree = await readMergedTree(sources, {
    ...treeOptions,
    maxHoles,
    watch: (tree) => {
      watcher = new ChangeWatcher(tree, record);
      return watcher;
    },
    onEntry: (layer, { type, size }) => {
      if (type !== 'file') return;
      files[layer]!.count++;
      files[layer]!.bytes += size;
    },
  });
  const { layerBytes, ...sizes } = measureTree(tree, sources.length, top);
  const history = createdBy(image);
  const layers = sources.map((source, at) => ({
    ...{ layer: at, digest: source.digest as Digest, diffID: source.diffID as Digest },
    ...{ compressed: source.size, createdBy: history[at], files: files[at]! },
    ...watcher.layers[at]!,
    wasted: files[at]!.bytes - layerBytes[at]!,
  }));
  const inspected = {
    ...{ digest: image.manifestDescriptor.digest, layers, ...sizes, ...sumLayers(layers) },
    efficiency: watcher.paths.efficiency(),
    wastedPaths: wastedPaths(watcher, top),
  };
  return { image: inspected, tree, watcher };
}

/** T with its path as JSON has it. */
type WithPathJson<T extends SizedPath> = Omit<T, 'path'> & EncodedName<'path'>;

/** An inspected image in JSON. */
export interface InspectJson
  extends Omit<InspectedImage, 'largestFiles' | 'largestDirectories' | 'wastedPaths'> {
  largestFiles: WithPathJson<SizedPath>[];
  largestDirectories: WithPathJson<SizedPath>[];
  wastedPaths: WithPathJson<WastedPath>[];
  /** missing unless rules were checked */
  failed?: FailedRule[];
}

/** Returns what an inspected image is for JSON: docs/json.md, `inspect`. @param rules undefined: no rules are checked */
export function inspectJson(image: InspectedImage, rules?: InspectRules): InspectJson {
  const { largestFiles, largestDirectories, wastedPaths, layers, ...rest } = image;
  return {
    ...rest,
    layers,
    largestFiles: largestFiles.map(pathJson),
    largestDirectories: largestDirectories.map(pathJson),
    wastedPaths: wastedPaths.map(pathJson),
    ...(rules !== undefined && { failed: failedRules(image, rules) }),
  };
}

function pathJson<T extends SizedPath>({ path, ...rest }: T): WithPathJson<T> {
  return { ...encodeName('path', path), ...rest };
}

type Sums = Pick<InspectedImage, 'compressed' | 'uncompressed' | 'wastedBytes' | 'wastedPercent'>;

function sumLayers(layers: readonly InspectedLayer[]): Sums {
  const sum = (of: (layer: InspectedLayer) => number) => layers.reduce((all, layer) => all + of(layer), 0);
  const [all, wastedBytes] = [sum(({ files }) => files.bytes), sum(({ wasted }) => wasted)];
  return {
    compressed: sum(({ compressed }) => compressed),
    uncompressed: sum(({ uncompressed }) => uncompressed),
    wastedBytes,
    wastedPercent: all === 0 ? 0 : wastedBytes / all,
  };
}

function wastedPaths(watcher: ChangeWatcher, top: number): WastedPath[] {
  const largest = new Top<Omit<WastedPath, 'path'> & { path: number }>(top);
  for (const wasted of watcher.wasted()) largest.add(wasted.bytes, () => wasted);
  return largest.list().map((wasted) => ({ ...wasted, path: watcher.paths.text(wasted.path) }));
}

/** Returns the command that made each layer, as far as the history tells. */
function createdBy({ config }: ResolvedImage): (string | undefined)[] {
  return (config.history ?? [])
    .filter(({ empty_layer: isEmpty }) => isEmpty !== true)
    .map(({ created_by: command }) => command || undefined);
}
