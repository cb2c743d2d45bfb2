import type { Time } from '../layer/types.js';
import type { ByteString } from '../system/bytes.js';
import { type LayerEntry, readLayer } from './read-layer.js';
import type { RawEntry } from './tar.js';
import { describeContent, showMode, showTime, showXattrs, type Tree, type TreeEntry } from './tree.js';

interface Inode {
  type: TreeEntry['type'];
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  xattrs: ReadonlyMap<ByteString, Buffer>;
  content: Buffer;
  target: ByteString;
  device: string;
}

interface Directory extends Inode {
  type: 'dir';
  children: Map<ByteString, Slot>;
  /** the last layer that listed or made it */
  described: number;
  /** the last layer that made it or anything below it */
  upper: number;
}

const epoch: Time = { sec: 0, nsec: 0 };
/** Attributes of a directory without an entry. */
const implicit = { mode: 0o755, uid: 0, gid: 0, mtime: epoch, xattrs: new Map<ByteString, Buffer>() };
const prefix = '.wh.';
const opaque = '.wh..wh..opq';

/** A name in a directory. */
interface Slot {
  /** null: a hardlink that waits for its target */
  inode: Inode | null;
  /** the layer that made the name; 0 for a name of lower layers */
  layer: number;
  /** a whiteout of the current layer hides it: only hardlinks reach it */
  hidden: boolean;
}

/** A place in the tree: the directories from the root down. */
type Way = Directory[];

interface Waiting {
  way: Way;
  name: ByteString;
  slot: Slot;
  to: ByteString[];
}

/**
 * The rootfs of some layers, in memory: applies image-spec layer.md entry by entry, as the simple reference for drivers.
 */
export class LayerModel {
  readonly #root = newDirectory();
  #layer = 0;

  /** Returns the rootfs of layers, lowest first. */
  static of(layers: (Buffer | RawEntry[])[]): LayerModel {
    const model = new LayerModel();
    for (const layer of layers) model.apply(readLayer(layer));
    return model;
  }

  /**
   * Applies a layer: its entries in order, then hardlinks to later entries, and last whiteouts below symlinks of lower layers.
   *
   * @throws Error for a layer that has no result: a hardlink without a target, a loop of symlinks above an entry
   */
  apply(layer: LayerEntry[]): void {
    this.#layer++;
    const waiting: Waiting[] = [];
    const whiteouts: ByteString[][] = [];
    for (const entry of layer) {
      const path = lexical(entry.name);
      if (path.at(-1)?.startsWith(prefix)) this.#whiteout(path, whiteouts);
      else if (path.length === 0) Object.assign(this.#root, attributes(entry));
      else if (entry.type === 'hardlink') waiting.push(...this.#hardlink(path, lexical(entry.linkname)));
      else this.#add(path, entry);
    }
    this.#finish(waiting);
    for (const path of whiteouts) this.#whiteout(path, null);
    removeHidden(this.#root);
  }

  /** Returns a listing of the rootfs. */
  tree(): Tree {
    const tree: Tree = new Map();
    const names = new Map<Inode, ByteString[]>();
    const visit = (path: ByteString, inode: Inode) => {
      tree.set(path, describe(inode));
      if (!isDirectory(inode)) names.set(inode, [...(names.get(inode) ?? []), path]);
      else
        for (const [name, child] of [...inode.children].sort(byName))
          visit(path === '.' ? name : `${path}/${name}`, child.inode!);
    };
    visit('.', this.#root);
    for (const group of names.values())
      if (group.length > 1) for (const path of group) tree.get(path)!.links = [...group].sort();
    return tree;
  }

  #add(path: ByteString[], entry: LayerEntry): void {
    const way = this.#make(path.slice(0, -1));
    const name = path.at(-1)!;
    if (entry.type === 'directory') Object.assign(this.#enterNew(way, name), attributes(entry));
    else this.#put(way, name, { ...newInode(entry), ...attributes(entry) });
  }

  /** @param later gets a whiteout below a symlink of a lower layer, which the layer may still replace; null: hides now */
  #whiteout(path: ByteString[], later: ByteString[][] | null): void {
    const name = path.at(-1)!;
    const found = this.#find(path.slice(0, -1), { own: false, hidden: false });
    if (found === null) return;
    if (found.followed && later !== null) later.push(path);
    else if (name === opaque) this.#hideAll(found.way.at(-1)!);
    else this.#hide(found.way.at(-1)!.children.get(name.slice(prefix.length)));
  }

  #hide(slot: Slot | undefined): void {
    if (slot === undefined) return;
    const { inode } = slot;
    const isOwn = slot.layer === this.#layer || (inode && isDirectory(inode) && inode.upper === this.#layer);
    if (!isOwn) slot.hidden = true;
    else if (inode && isDirectory(inode)) {
      if (inode.described !== this.#layer) Object.assign(inode, implicit, { described: this.#layer });
      this.#hideAll(inode);
    }
  }

  #hideAll({ children }: Directory): void {
    for (const slot of children.values()) this.#hide(slot);
  }

  /** @returns the link if it waits for a later entry */
  #hardlink(path: ByteString[], to: ByteString[]): Waiting[] {
    if (to.length === 0) throw new Error('a hardlink to the root');
    const way = this.#make(path.slice(0, -1));
    const name = path.at(-1)!;
    if (this.#link(way, name, to)) return [];
    const slot = this.#put(way, name, null);
    return [{ way, name, slot, to }];
  }

  /** @returns false if the target is missing */
  #link(way: Way, name: ByteString, to: ByteString[]): boolean {
    const found = this.#find(to.slice(0, -1), { own: true, hidden: true });
    if (found === null) return false;
    const target = found.way.at(-1)!.children.get(to.at(-1)!)?.inode;
    if (target && isDirectory(target)) throw new Error('a hardlink to a directory');
    if (found.way.at(-1) === way.at(-1) && name === to.at(-1)) return target != null;
    const replaced = way.at(-1)!.children.get(name)?.inode;
    if (replaced && isDirectory(replaced) && found.way.includes(replaced))
      throw new Error('replaces its target');
    if (!target) return false;
    this.#put(way, name, target);
    return true;
  }

  #finish(waiting: Waiting[]): void {
    let left = waiting;
    for (let before = -1; left.length !== before; ) {
      before = left.length;
      left = left.filter((link) => this.#isCurrent(link) && !this.#link(link.way, link.name, link.to));
    }
    if (left.length > 0) throw new Error(`${left[0]!.name} links to ${left[0]!.to}, which is missing`);
  }

  #isCurrent({ way, name, slot }: Waiting): boolean {
    const isThere = way.every((dir, i) => {
      const above = i === 0 ? null : [...way[i - 1]!.children.values()];
      return above === null || above.some(({ inode }) => inode === dir);
    });
    return isThere && way.at(-1)!.children.get(name) === slot;
  }

  #put(way: Way, name: ByteString, inode: Inode | null): Slot {
    for (const dir of way) dir.upper = this.#layer;
    const slot = { inode, layer: this.#layer, hidden: false };
    way.at(-1)!.children.set(name, slot);
    return slot;
  }

  /** Returns the directory `name`, which the layer makes or lists. */
  #enterNew(way: Way, name: ByteString): Directory {
    for (const dir of way) dir.upper = this.#layer;
    const slot = way.at(-1)!.children.get(name);
    let inode = slot?.inode;
    if (!slot || !inode || !isDirectory(inode)) {
      inode = newDirectory();
      this.#put(way, name, inode);
    } else if (slot.hidden) {
      slot.hidden = false;
      Object.assign(inode, implicit);
      this.#hideAll(inode);
    }
    return Object.assign(inode as Directory, { described: this.#layer, upper: this.#layer });
  }

  /** Returns the way to a directory. Makes directories that are missing, also in place of other files. */
  #make(path: ByteString[]): Way {
    let way = [this.#root];
    let links = 0;
    const todo = path.toReversed();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const next = this.#step(way, name, false);
      if (Array.isArray(next)) way = next;
      else if (next === null) way = [...way, this.#enterNew(way, name)];
      else {
        if (++links > 40) throw new Error('a loop of symlinks');
        if (next.target.startsWith('/')) way = [this.#root];
        todo.push(...components(next.target));
      }
    }
    return way;
  }

  /** @param options `own`: follows symlinks of the layer itself; `hidden`: sees what whiteouts hide */
  #find(
    path: ByteString[],
    { own, hidden }: { own: boolean; hidden: boolean },
  ): { way: Way; followed: boolean } | null {
    let way = [this.#root];
    let links = 0;
    const todo = path.toReversed();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const next = this.#step(way, name, hidden);
      if (Array.isArray(next)) way = next;
      else if (next === null || (!own && next.layer === this.#layer) || ++links > 40) return null;
      else {
        if (next.target.startsWith('/')) way = [this.#root];
        todo.push(...components(next.target));
      }
    }
    return { way, followed: links > 0 };
  }

  /** Goes one component further: to a directory, a symlink, or nowhere. */
  #step(way: Way, name: ByteString, hidden: boolean): Way | { target: ByteString; layer: number } | null {
    if (name === '..') return way.length > 1 ? way.slice(0, -1) : way;
    const slot = way.at(-1)!.children.get(name);
    if (!slot?.inode || (slot.hidden && !hidden)) return null;
    const { inode, layer } = slot;
    if (isDirectory(inode)) return [...way, inode];
    return inode.type === 'symlink' ? { target: inode.target, layer } : null;
  }
}

/** Removes what whiteouts hide, at the end of a layer. */
function removeHidden({ children }: Directory): void {
  for (const [name, { inode, hidden }] of children) {
    if (hidden) children.delete(name);
    else if (inode && isDirectory(inode)) removeHidden(inode);
  }
}

/** Returns the components of a symlink's target, the first one last. */
function components(target: ByteString): ByteString[] {
  return target
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

/** Returns the components of a path; `..` is lexical, also after a symlink. */
function lexical(name: ByteString): ByteString[] {
  const path: ByteString[] = [];
  for (const part of name.split('/')) {
    if (part === '..') path.pop();
    else if (part !== '' && part !== '.') path.push(part);
  }
  return path;
}

function newInode(entry: LayerEntry): Inode {
  return {
    ...implicit,
    type: entry.type as TreeEntry['type'],
    content: entry.content,
    target: entry.linkname,
    device: `${entry.devMajor},${entry.devMinor}`,
  };
}

/** Returns a directory without an entry of its own. */
function newDirectory(): Directory {
  return {
    ...{ ...implicit, type: 'dir', children: new Map(), described: 0, upper: 0 },
    ...{ content: Buffer.alloc(0), target: '', device: '' },
  };
}

function attributes({ type, mode, uid, gid, mtime, xattrs }: LayerEntry) {
  return { mode: type === 'symlink' ? 0o777 : mode, uid, gid, mtime, xattrs };
}

function isDirectory(inode: Inode): inode is Directory {
  return inode.type === 'dir';
}

function describe(inode: Inode): TreeEntry {
  const { type, mode, uid, gid, mtime, xattrs, content, target, device } = inode;
  return {
    ...{ type, mode: showMode(mode), owner: `${uid}:${gid}`, mtime: showTime(mtime) },
    ...(type === 'file' && describeContent(content)),
    ...(type === 'symlink' && { target }),
    ...((type === 'char' || type === 'block') && { device }),
    ...(xattrs.size > 0 && { xattrs: showXattrs(xattrs) }),
  };
}

function byName([a]: [ByteString, Slot], [b]: [ByteString, Slot]): number {
  return a < b ? -1 : 1;
}
