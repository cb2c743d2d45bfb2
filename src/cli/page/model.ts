import { differingFields, type PageData } from '../../engine/inspect/page-data.js';

/**
 * The data of the page, unpacked for quick access. Paths are numbers in the order of a walk: the paths below path `p` are those
 * from `p + 1` to `end[p] - 1`. Path 0 is the root directory.
 */
export interface Model {
  data: PageData;
  /** by path: its last component, with lone surrogates for bytes that are not UTF-8 */
  names: readonly string[];
  parent: Int32Array;
  end: Int32Array;
  depth: readonly number[];
  /** by path: its first change; the changes of a path end where those of the next path begin */
  firstChange: Int32Array;
  /** by change */
  layer: readonly number[];
  kind: readonly number[];
  type: readonly number[];
  size: readonly number[];
  attribute: readonly number[];
  /** by change of a file with several names: the number of the file */
  link: ReadonlyMap<number, number>;
  /** by number of a file with several names: the layer that brings it */
  layerOfLink: ReadonlyMap<number, number>;
  /** by change of a symlink: its target */
  target: ReadonlyMap<number, string>;
  /** by path: its row in the difference to the other image */
  differenceOf: ReadonlyMap<number, number>;
}

export function openModel(data: PageData): Model {
  const names = data.names.split('/');
  const { changes, depths } = data;
  const { parent, end } = relate(depths);
  const link = new Map(data.links);
  const layerOfLink = new Map<number, number>();
  for (const [change, file] of link) {
    const known = layerOfLink.get(file) ?? Number.POSITIVE_INFINITY;
    layerOfLink.set(file, Math.min(known, changes.layer[change]!));
  }
  return {
    ...{ data, names, parent, end, depth: depths, link, layerOfLink },
    firstChange: firstRows(changes.path, names.length),
    layer: changes.layer,
    kind: changes.kind,
    type: changes.type,
    size: changes.size,
    attribute: changes.attribute,
    target: new Map(data.targets),
    differenceOf: new Map(sums(data.difference?.path ?? []).map((path, row) => [path, row])),
  };
}

/** Returns the components of a path, without the root. */
export function componentsOf({ names, parent }: Model, path: number): string[] {
  const components: string[] = [];
  for (let at = path; at !== 0; at = parent[at]!) components.push(names[at]!);
  return components.reverse();
}

/** Returns the last change of a path in the layers up to one; -1 if the path has none. */
export function changeAt({ firstChange, layer }: Model, path: number, upTo: number): number {
  for (let change = firstChange[path + 1]! - 1; change >= firstChange[path]!; change--)
    if (layer[change]! <= upTo) return change;
  return -1;
}

/** Returns what of a changed path differs from the other image. */
export function fieldsOf({ data, differenceOf }: Model, path: number): readonly string[] {
  const bits = data.difference?.fields[differenceOf.get(path) ?? -1] ?? 0;
  return differingFields.filter((_, bit) => (bits >> bit) & 1);
}

function relate(depths: readonly number[]): Pick<Model, 'parent' | 'end'> {
  const parent = new Int32Array(depths.length);
  const end = new Int32Array(depths.length).fill(depths.length);
  const open: number[] = [];
  for (const [path, depth] of depths.entries()) {
    for (const closed of open.splice(depth)) end[closed] = path;
    parent[path] = open[depth - 1] ?? 0;
    open.push(path);
  }
  return { parent, end };
}

/** @param differences number of the path of each row, less that of the row before */
function firstRows(differences: readonly number[], paths: number): Int32Array {
  const first = new Int32Array(paths + 1).fill(differences.length);
  let next = 0;
  for (const [row, path] of sums(differences).entries()) while (next <= path) first[next++] = row;
  return first;
}

function sums(differences: readonly number[]): number[] {
  let sum = 0;
  return differences.map((difference) => {
    sum += difference;
    return sum;
  });
}
