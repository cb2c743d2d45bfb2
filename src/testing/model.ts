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
  children: Map<ByteString, Inode>;
}

const epoch: Time = { sec: 0, nsec: 0 };
const prefix = '.wh.';
const opaque = '.wh..wh..opq';

/**
 * The rootfs of some layers, in memory: applies image-spec layer.md entry by entry, as the simple reference for drivers.
 * It expects well-formed layers and does not validate them.
 */
export class LayerModel {
  readonly #root = newDirectory();

  /** Returns the rootfs of layers, lowest first. */
  static of(layers: (Buffer | RawEntry[])[]): LayerModel {
    const model = new LayerModel();
    for (const layer of layers) model.apply(readLayer(layer));
    return model;
  }

  /** Applies a layer: whiteouts first, entries next, and finally hardlinks to later entries. */
  apply(layer: LayerEntry[]): void {
    const entries = layer.map((entry) => ({ ...entry, path: lexical(entry.name) }));
    const whiteouts = entries.filter(({ path }) => path.at(-1)?.startsWith(prefix));
    const added = entries.filter((entry) => !whiteouts.includes(entry));
    const own = new Set(added.map(({ path }) => path.join('/')));
    for (const { path } of whiteouts) this.#hide(path, own);
    const waiting = added.filter((entry) => !this.#add(entry));
    for (const entry of waiting)
      if (!this.#add(entry)) throw new Error(`${entry.name} links to ${entry.linkname}, which is missing`);
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
          visit(path === '.' ? name : `${path}/${name}`, child);
    };
    visit('.', this.#root);
    for (const group of names.values())
      if (group.length > 1) for (const path of group) tree.get(path)!.links = [...group].sort();
    return tree;
  }

  /** Hides a path of lower layers. A symlink that this layer creates does not lead to files of lower layers. */
  #hide(path: ByteString[], own: ReadonlySet<ByteString>): void {
    let stack: Directory[] | undefined = [this.#root];
    for (const [at, name] of path.slice(0, -1).entries()) {
      const there = stack.at(-1)!.children.get(name);
      if (there?.type === 'symlink' && own.has(path.slice(0, at + 1).join('/'))) return;
      stack = this.#enter(stack, name);
      if (!stack) return;
    }
    const { children } = stack.at(-1)!;
    const name = path.at(-1)!;
    if (name === opaque) children.clear();
    else children.delete(name.slice(prefix.length));
  }

  /** Adds an entry. @returns false for a hardlink whose target is missing so far */
  #add(entry: LayerEntry & { path: ByteString[] }): boolean {
    if (entry.path.length === 0) {
      Object.assign(this.#root, attributes(entry));
      return true;
    }
    const target = entry.type === 'hardlink' ? this.#find(lexical(entry.linkname)) : undefined;
    if (entry.type === 'hardlink' && !target) return false;
    const { children } = this.#parentOf(entry.path, { make: true })!;
    const name = entry.path.at(-1)!;
    const there = children.get(name);
    if (target) children.set(name, target);
    else if (entry.type === 'directory' && there?.type === 'dir') Object.assign(there, attributes(entry));
    else children.set(name, { ...newInode(entry), ...attributes(entry) });
    return true;
  }

  #find(path: ByteString[]): Inode | undefined {
    return this.#parentOf(path)?.children.get(path.at(-1)!);
  }

  /** Returns the parent directory of a path. Follows symlinks inside the root. */
  #parentOf(path: ByteString[], { make = false } = {}): Directory | undefined {
    return this.#enterAll([this.#root], path.slice(0, -1), make)?.at(-1);
  }

  #enterAll(from: Directory[], names: ByteString[], make: boolean): Directory[] | undefined {
    let stack: Directory[] | undefined = from;
    for (const name of names) stack &&= this.#enter(stack, name, make);
    return stack;
  }

  /** Goes one component further; `stack` holds the directories from the root. With `make`, replaces files by directories. */
  #enter(stack: Directory[], name: ByteString, make = false): Directory[] | undefined {
    if (name === '' || name === '.') return stack;
    if (name === '..') return stack.length > 1 ? stack.slice(0, -1) : stack;
    const there = stack.at(-1)!.children.get(name);
    if (there && isDirectory(there)) return [...stack, there];
    if (there?.type === 'symlink') {
      const from = there.target.startsWith('/') ? [this.#root] : stack;
      return this.#enterAll(from, there.target.split('/'), make);
    }
    if (!make) return undefined;
    const made = newDirectory();
    stack.at(-1)!.children.set(name, made);
    return [...stack, made];
  }
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
  const type = entry.type === 'directory' ? 'dir' : (entry.type as TreeEntry['type']);
  return {
    ...newDirectory(),
    type,
    content: entry.content,
    target: entry.linkname,
    device: `${entry.devMajor},${entry.devMinor}`,
  };
}

/** Returns a directory without an entry of its own. */
function newDirectory(): Directory {
  return {
    ...{ type: 'dir', mode: 0o755, uid: 0, gid: 0, mtime: epoch, xattrs: new Map(), children: new Map() },
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

function byName([a]: [ByteString, Inode], [b]: [ByteString, Inode]): number {
  return a < b ? -1 : 1;
}
