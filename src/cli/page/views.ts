/**
 * Computes what each view shows, from the changes of the layers. A view is a set of arrays with a place for each path, so that a
 * filter or a drawing is one loop: an object for each path would take far more of the browser's memory.
 *
 * A file with several names has its bytes once. They belong to the first of its names in the view.
 */
import { changeAt, type Model } from './model.js';

export type ViewName = 'image' | 'layer' | 'wasted' | 'difference';

/** What a view shows of each path. */
export interface View {
  /** 1 if the path is part of the view */
  isShown: Uint8Array;
  /** 0: none, 1: added, 2: changed, 3: deleted; the kinds of changes of page-data.ts, each plus 1 */
  mark: Uint8Array;
  /** bytes of the path itself, without those below */
  own: Float64Array;
  /** the change that describes the file; -1 if it is missing */
  change: Int32Array;
}

const deleted = 2;

/** Returns a view. @param layer what the view of an image shows is the state after this layer */
export function openView(model: Model, name: ViewName, layer: number): View {
  switch (name) {
    case 'image':
      return imageView(model, layer);
    case 'layer':
      return layerView(model, layer);
    case 'wasted':
      return wastedView(model, layer);
    case 'difference':
      return differenceView(model);
  }
}

/** Returns a view that shows only the root, which each tree needs. */
function emptyView({ names }: Model): View {
  const isShown = new Uint8Array(names.length);
  isShown[0] = 1;
  return {
    isShown,
    mark: new Uint8Array(names.length),
    own: new Float64Array(names.length),
    change: new Int32Array(names.length).fill(-1),
  };
}

/** The files after a layer. Marks tell what this layer did. A file with several names counts at the first one. */
function imageView(model: Model, layer: number): View {
  const view = emptyView(model);
  const isFirst = firstNames(model);
  for (let path = 0; path < model.names.length; path++) {
    const change = changeAt(model, path, layer);
    if (change < 0 || model.kind[change] === deleted) continue;
    view.isShown[path] = 1;
    view.change[path] = change;
    if (model.layer[change] === layer) view.mark[path] = model.kind[change]! + 1;
    if (isFirst(change)) view.own[path] = model.size[change]!;
  }
  return view;
}

/**
 * What one layer does: bytes that it brings; of a deleted file, the bytes that lose their last name. The directories above are
 * shown without a mark.
 */
function layerView(model: Model, layer: number): View {
  const view = emptyView(model);
  const [isFirst, isFirstLost] = [firstNames(model), firstNames(model)];
  const isLost = lostLinks(model, layer);
  for (let path = 0; path < model.names.length; path++) {
    const change = changeAt(model, path, layer);
    if (change < 0 || model.layer[change] !== layer) continue;
    mark(model, view, path, model.kind[change]! + 1);
    view.change[path] = change;
    if (model.kind[change] === deleted) {
      const before = change - 1;
      if (isLost(before) && isFirstLost(before)) view.own[path] = model.size[before]!;
    } else if (layerOf(model, change) === layer && isFirst(change)) view.own[path] = model.size[change]!;
  }
  return view;
}

/** Files that later layers, up to one, replaced or deleted: their bytes, at the path that they had last. */
function wastedView(model: Model, layer: number): View {
  const view = emptyView(model);
  const isFirst = firstNames(model);
  const isLost = lostLinks(model, layer);
  const { firstChange, kind } = model;
  for (let path = 0; path < model.names.length; path++) {
    for (let change = firstChange[path]! + 1; change < firstChange[path + 1]!; change++) {
      if (model.layer[change]! > layer) break;
      const before = change - 1;
      if (kind[before] === deleted || !isLost(before) || !isFirst(before)) continue;
      if (model.size[before] === 0) continue;
      view.own[path]! += model.size[before]!;
      mark(model, view, path, kind[change]! + 1);
      view.change[path] = change;
    }
  }
  return view;
}

/** Bytes of added and deleted files, and of files with other content. Shows the directories above without a mark. */
function differenceView(model: Model): View {
  const view = emptyView(model);
  const { difference, layers } = model.data;
  if (difference === undefined) return view;
  const isFirst = firstNames(model);
  for (const [path, row] of model.differenceOf) {
    mark(model, view, path, difference.kind[row]! + 1);
    const change = changeAt(model, path, layers.length - 1);
    view.change[path] = change;
    // 3: the bits of type and content, the first two of differingFields
    const isOther = difference.kind[row] !== 1 || (difference.fields[row]! & 3) !== 0;
    if (difference.kind[row] === deleted) view.own[path] = difference.before[row]!;
    else if (isOther && (change < 0 || isFirst(change))) view.own[path] = difference.after[row]!;
  }
  return view;
}

/** Marks a path, and shows the directories above: the tree needs a way to the path. */
function mark(model: Model, view: View, path: number, kind: number): void {
  view.mark[path] = kind;
  for (let at = path; view.isShown[at] === 0; at = model.parent[at]!) view.isShown[at] = 1;
}

/** Returns the layer that brings the content of a change's file: a new name for a file of a lower layer brings no bytes. */
function layerOf({ link, layerOfLink, layer }: Model, change: number): number {
  const file = link.get(change);
  return file === undefined ? layer[change]! : layerOfLink.get(file)!;
}

/** Returns a function that is true for the first change that it gets of each file. */
function firstNames({ link }: Model): (change: number) => boolean {
  const seen = new Set<number>();
  return (change) => {
    const file = link.get(change);
    if (file === undefined) return true;
    if (seen.has(file)) return false;
    seen.add(file);
    return true;
  };
}

/** Returns a function that is true for changes to files that have no name after a layer. */
function lostLinks(model: Model, layer: number): (change: number) => boolean {
  const live = new Set<number>();
  if (model.link.size > 0)
    for (let path = 0; path < model.names.length; path++) {
      const file = model.link.get(changeAt(model, path, layer));
      if (file !== undefined) live.add(file);
    }
  return (change) => {
    const file = model.link.get(change);
    return file === undefined || !live.has(file);
  };
}
