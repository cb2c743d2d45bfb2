/**
 * Holds what the user chose: view, layer, filter, open directories, selected path. Each change runs only the steps that depend
 * on it, in this order: view, listing (filter), rows (open directories), drawing. A click in a tree of 1,000,000 paths would
 * otherwise compute all of them again.
 */
import { type Cell, layOut } from './cells.js';
import { Controls } from './controls.js';
import { showDetails } from './details.js';
import { byId, element, nameElement } from './dom.js';
import { showLayers } from './layers.js';
import { childrenOf, filterView, type Listing, listRows, mainValue, type Rows } from './listing.js';
import { componentsOf, fieldsOf, type Model } from './model.js';
import { showSummary } from './summary.js';
import { type Row, Tree } from './tree.js';
import { type CellText, Treemap } from './treemap.js';
import { openView, type View, type ViewName } from './views.js';
import { formatBytes, formatCounted, formatMode, typeWord } from './words.js';

/** A view begins with open directories, up to this many rows. */
const fewRows = 40;
/** A directory with a smaller share of the bytes begins closed. */
const leastShare = 0.01;

/** The state of the page, and what follows from a change of it. */
export class App {
  readonly #model: Model;
  readonly #controls: Controls;
  readonly #tree: Tree;
  readonly #treemap: Treemap;
  #viewName: ViewName;
  #layer: number;
  #view!: View;
  #listing!: Listing;
  #rows!: Rows;
  #selected = 0;
  /** the directory that the treemap shows */
  #zoom = 0;
  /** directories that the user opened; while there is a query, directories that the user closed */
  #isOpen = new Set<number>([0]);
  #isClosed = new Set<number>();

  constructor(model: Model) {
    const { difference, layers } = model.data;
    this.#model = model;
    this.#viewName = difference === undefined ? 'image' : 'difference';
    this.#layer = Math.max(0, layers.length - 1);
    this.#controls = new Controls({
      onView: (name) => this.#openView(name, this.#layer),
      onFilter: () => this.#filter(),
      onOrder: () => this.#list(),
      onOpenAll: () => this.#openAll(),
      onCloseAll: () => this.#closeAll(),
    });
    this.#tree = new Tree(byId('tree'), {
      describe: (path) => this.#row(path),
      nameOf: (path) => model.names[path]!,
      onSelect: (path) => this.#select(path),
      onToggle: (path, isOpen) => this.#toggle([path], isOpen),
      onOpenSiblings: (path) => this.#toggle(this.#siblings(path), true),
    });
    this.#treemap = new Treemap(byId('treemap'), {
      layOut: (box) => layOut(model, this.#listing, this.#zoom, box),
      describe: (cell) => this.#cell(cell),
      onSelect: (path) => this.#reveal(path),
      onZoom: (path) => this.#zoomTo(path),
      onZoomOut: () => this.#zoomTo(model.parent[this.#zoom]!),
    });
  }

  start(): void {
    const { data } = this.#model;
    showSummary(data);
    showLayers(data, this.#layer, (layer) =>
      this.#openView(this.#viewName === 'difference' ? 'layer' : this.#viewName, layer),
    );
    this.#openView(this.#viewName, this.#layer);
  }

  /** Opens a view. The zoom begins at the root, since the view may lack the directory; open directories stay open. */
  #openView(name: ViewName, layer: number): void {
    [this.#viewName, this.#layer] = [name, layer];
    this.#view = openView(this.#model, name, layer);
    this.#controls.showView(this.#model, this.#view, name, layer);
    this.#zoom = 0;
    this.#listing = filterView(this.#model, this.#view, this.#controls.filter());
    this.#openFew();
    this.#filter();
  }

  /** Opens the largest directories, as long as few rows result. */
  #openFew(): void {
    let rows = 1;
    const { size } = this.#listing;
    const todo = [0];
    for (let path = todo.shift(); path !== undefined; path = todo.shift()) {
      const children = childrenOf(this.#model, this.#listing, path, 'size');
      if (rows + children.length > fewRows) continue;
      rows += children.length;
      this.#isOpen.add(path);
      todo.push(...children.filter((child) => size[child]! > size[0]! * leastShare));
      todo.sort((a, b) => size[b]! - size[a]!);
    }
  }

  /** Applies the filter. It forgets closed directories, since they would hide hits of the new query. */
  #filter(): void {
    this.#isClosed = new Set();
    this.#listing = filterView(this.#model, this.#view, this.#controls.filter());
    if (this.#listing.isKept[this.#zoom] === 0) this.#zoom = 0;
    this.#list();
    const { count, size } = this.#listing;
    byId('status').textContent = `${formatCounted(count[0]!, 'paths')}, ${formatBytes(size[0]!)}`;
    this.#drawTreemap();
    showDetails(this.#model, this.#view, this.#listing, this.#selected);
  }

  /** Lists the rows of the tree again. A selected path that is no longer visible gives way to a directory above. */
  #list(): void {
    const { order } = this.#controls;
    this.#rows = listRows(this.#model, this.#listing, { isOpen: (path) => this.#isPathOpen(path), order });
    while (!this.#rows.rowOf.has(this.#selected)) this.#selected = this.#model.parent[this.#selected]!;
    this.#tree.show(this.#rows, this.#selected);
  }

  /** True if the rows below a directory are visible. A directory with a hit is open without a click, until the user closes it. */
  #isPathOpen(path: number): boolean {
    const { hasHit } = this.#listing;
    return (this.#isOpen.has(path) || hasHit[path] === 1) && !this.#isClosed.has(path);
  }

  #toggle(paths: readonly number[], isOpen: boolean): void {
    for (const path of paths) {
      if (isOpen) {
        this.#isOpen.add(path);
        this.#isClosed.delete(path);
      } else {
        this.#isOpen.delete(path);
        this.#isClosed.add(path);
      }
    }
    this.#list();
  }

  #openAll(): void {
    this.#toggle(
      [...this.#model.names.keys()].filter((path) => this.#isDirectory(path)),
      true,
    );
  }

  /** Also closes directories that a query opened; the root stays open, since the page would be empty without it. */
  #closeAll(): void {
    this.#isOpen = new Set([0]);
    this.#isClosed = new Set([...this.#model.names.keys()].slice(1));
    this.#list();
  }

  #select(path: number): void {
    this.#selected = path;
    this.#tree.select(path);
    this.#treemap.select(path);
    showDetails(this.#model, this.#view, this.#listing, path);
  }

  /** Selects a path, with all directories above open. */
  #reveal(path: number): void {
    for (let at = path; at !== 0; at = this.#model.parent[at]!) {
      this.#isOpen.add(this.#model.parent[at]!);
      this.#isClosed.delete(this.#model.parent[at]!);
    }
    this.#list();
    this.#select(path);
  }

  /** Shows one directory in the treemap, and selects it in the tree, so that both show the same place. */
  #zoomTo(path: number): void {
    this.#zoom = path;
    this.#drawTreemap();
    this.#reveal(path);
  }

  /** Draws the treemap, and above it a button for each directory on the way to it. */
  #drawTreemap(): void {
    const names = componentsOf(this.#model, this.#zoom);
    const crumbs = ['/', ...names].map((name, at) => {
      const steps = names.length - at;
      const label = at === 0 ? ['/'] : [nameElement(name)];
      if (steps === 0) return element('li', {}, element('span', { 'aria-current': 'location' }, ...label));
      const button = element('button', { type: 'button' }, ...label);
      button.addEventListener('click', () => this.#zoomTo(this.#above(this.#zoom, steps)));
      return element('li', {}, button);
    });
    byId('crumbs').replaceChildren(...crumbs);
    this.#treemap.draw();
  }

  /** Returns the directory this many levels above a path. */
  #above(path: number, steps: number): number {
    return steps === 0 ? path : this.#above(this.#model.parent[path]!, steps - 1);
  }

  #siblings(path: number): number[] {
    return childrenOf(this.#model, this.#listing, this.#model.parent[path]!, 'name');
  }

  /** True for a path with paths below, too: a layer may delete a directory, or replace it with a file. */
  #isDirectory(path: number): boolean {
    const change = this.#view.change[path]!;
    return this.#model.end[path]! > path + 1 || this.#typeOf(path, change) === 1;
  }

  /**
   * Returns the type of a path. A difference has its own, since the path may be missing in this image; a path without a change is
   * a directory without an entry in any layer.
   */
  #typeOf(path: number, change: number): number {
    const { difference } = this.#model.data;
    const row = this.#viewName === 'difference' ? this.#model.differenceOf.get(path) : undefined;
    if (row !== undefined) return difference!.type[row]!;
    return change < 0 ? 1 : this.#model.type[change]!;
  }

  /** Describes a row of the tree. The tree asks only for the rows that the browser shows. */
  #row(path: number): Row {
    const { names, parent, depth, target, link } = this.#model;
    const change = this.#view.change[path]!;
    const type = this.#typeOf(path, change);
    const hasChildren = childrenOf(this.#model, this.#listing, path, 'name').length > 0;
    const to = target.get(change);
    return {
      name: path === 0 ? '' : names[path]!,
      ...{ depth: depth[path]!, above: parent[path]!, mark: this.#view.mark[path]! },
      hasMark: this.#viewName === 'image' && this.#listing.hasMark[path] === 1,
      isDirectory: type === 1,
      isOpen: hasChildren ? this.#isPathOpen(path) : undefined,
      target: to,
      note: this.#note(path, type, link.has(change)),
      columns: this.#columns(path, change, type),
      share: this.#listing.size[path]! / Math.max(1, this.#listing.size[0]!),
    };
  }

  /** Returns what the columns do not say: which fields differ, or that the file has several names or a rare type. */
  #note(path: number, type: number, isLink: boolean): string {
    if (this.#viewName === 'difference') return fieldsOf(this.#model, path).join(', ');
    if (isLink) return 'hardlink';
    return type > 2 ? typeWord(type) : '';
  }

  #columns(path: number, change: number, type: number): Row['columns'] {
    const { layer, attribute, data } = this.#model;
    const [mode, uid, gid] = data.attributes[attribute[change]!] ?? [];
    const isSized = type === 0 || type === 1;
    return [
      { className: 'layer', label: 'layer', text: change < 0 ? '' : String(layer[change]) },
      { className: 'owner', label: 'owner', text: mode === undefined ? '' : `${uid}:${gid}` },
      { className: 'mode', label: 'mode', text: mode === undefined ? '' : formatMode(type, mode) },
      { className: 'size', label: '', text: isSized ? formatBytes(this.#listing.size[path]!) : '' },
    ];
  }

  /**
   * Describes a cell of the treemap. A cell may stand for a whole directory: it has the mark and the layer that most of the
   * bytes below have. A frame stands for the directory itself, since its parts have cells of their own.
   */
  #cell({ path, isFrame }: Cell): CellText {
    const { size } = this.#listing;
    const { change, mark } = this.#view;
    const isImage = this.#viewName === 'image';
    const main = (of: (path: number) => number) =>
      mainValue(this.#model, this.#listing, this.#view, path, of);
    return {
      name: this.#model.names[path]!,
      path: componentsOf(this.#model, path).join('/'),
      bytes: size[path]!,
      share: size[path]! / Math.max(1, size[this.#zoom]!),
      mark: isImage ? 0 : isFrame ? mark[path]! : main((at) => mark[at]!),
      isDirectory: this.#isDirectory(path),
      layer: isImage && !isFrame ? main((at) => this.#model.layer[change[at]!] ?? 0) : undefined,
    };
  }
}
