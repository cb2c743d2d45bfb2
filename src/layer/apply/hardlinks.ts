import { type ByteString, showBytes } from '../../system/bytes.js';
import { E } from '../../system/errno.js';
import { tryLinkat } from '../../system/files.js';
import { baseName, parentOf } from '../../system/paths.js';
import { statAt } from '../../system/stat.js';
import { BadPath } from './errors.js';
import type { LowerFiles } from './lower-files.js';
import type { Maker } from './make.js';
import { hardlinkTarget } from './place.js';
import type { Lookup, Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode, FileNode } from './tree.js';

type Place = NonNullable<Lookup['stop']>;

/** A link whose target is missing so far. It is its own node: a layer may have hundreds of thousands. */
class Waiting extends FileNode {
  readonly dir: DirectoryNode;
  readonly name: ByteString;
  /** cleaned path of its target */
  readonly to: ByteString;

  constructor(layer: number, { dir, name }: Place, to: ByteString) {
    super(layer, -1);
    this.dir = dir;
    this.name = name;
    this.to = to;
  }
}

/** A link that cannot be made, with the path of its target. */
export interface BadLink {
  path: ByteString;
  target: ByteString;
  reason: string;
}

/**
 * The hardlinks of a layer. A link means what its target's name means at that point of the tar: an earlier entry of this
 * layer, else the layers below, also where the layer hides it. Only if neither has the target, a later entry is meant.
 */
export class Hardlinks {
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  readonly #lower: LowerFiles | null;
  readonly #waiting: Waiting[] = [];
  /** target of the last link */
  #last: ByteString = '';
  /** paths that were missing. If the layers below are unknown here, they decide where the links go. */
  readonly missing = new Set<ByteString>();

  /** @param lower the files of the layers below, where the target does not hold them */
  constructor(target: Target, resolver: Resolver, maker: Maker, lower: LowerFiles | null) {
    this.#target = target;
    this.#resolver = resolver;
    this.#maker = maker;
    this.#lower = lower;
  }

  /**
   * Links `name` to `linkname`, now or at the layer's end.
   *
   * @throws BadEntry for a target that a hardlink cannot have, SystemError
   */
  add(dir: DirectoryNode, name: ByteString, linkname: ByteString): void {
    // the links of one file come together: they share one string
    const to = linkname === this.#last ? this.#last : hardlinkTarget(linkname);
    this.#last = to;
    const stop = this.#link(dir, name, to);
    if (stop === null) return;
    this.assumeMissing(stop);
    this.#maker.remove(dir, name);
    const link = new Waiting(this.#target.tree.layer, { dir, name }, to);
    this.#target.setFile(dir, name, link);
    this.#waiting.push(link);
  }

  /** Notes a place that only seems to be missing, because the layer is extracted without its lower layers. */
  assumeMissing({ dir, name }: Place): void {
    if (!this.#target.tree.isOwnFile(dir, name)) this.missing.add(dir.pathOf(name));
  }

  /** Makes the waiting links. @returns the links that cannot be made */
  finish(): BadLink[] {
    const todo = this.#waiting.filter(isCurrent).reverse();
    /** by the missing path: once a link is made, it may be the target of other links */
    const blocked = new Map<ByteString, Waiting[]>();
    const bad: BadLink[] = [];
    for (let link = todo.pop(); link !== undefined; link = todo.pop()) {
      this.#target.nextEntry();
      const stop = this.#tryLink(link);
      if (typeof stop === 'string') bad.push(badLink(link, stop));
      else if (stop !== null) {
        const path = stop.dir.pathOf(stop.name);
        const links = blocked.get(path);
        if (links === undefined) blocked.set(path, [link]);
        else links.push(link);
      } else {
        const path = link.dir.pathOf(link.name);
        for (const next of blocked.get(path) ?? []) todo.push(next);
        blocked.delete(path);
      }
    }
    for (const [missing, links] of blocked) {
      for (const link of links) {
        const isItself = link.dir.pathOf(link.name) === missing;
        const target = isItself ? 'itself' : `${showBytes(link.to)}, which does not exist`;
        bad.push(badLink(link, `is a hardlink to ${target}`));
      }
    }
    return bad;
  }

  /** @returns as {@link #link}, or what is wrong with the link */
  #tryLink({ dir, name, to }: Waiting): Place | null | string {
    try {
      return this.#link(dir, name, to);
    } catch (error) {
      if (error instanceof BadPath) return error.message;
      throw error;
    }
  }

  /** Makes the link; a link to itself changes nothing. @returns null, or the place where the target is missing */
  #link(dir: DirectoryNode, name: ByteString, to: ByteString): Place | null {
    const { dir: toDir, stop } = this.#resolver.find(parentOf(to), { own: true, hidden: true });
    if (toDir === null) return stop;
    const place = { dir: toDir, name: baseName(to) };
    this.#lower?.copyUp(place.dir, place.name);
    if (toDir === dir && place.name === name) return this.#findsFile(place) ? null : place;
    const replaced = dir.children.get(name);
    if (replaced instanceof DirectoryNode && toDir.isBelow(replaced)) {
      throw new BadPath('is a hardlink to a file in the directory that it replaces');
    }
    let missing = false;
    this.#maker.create(dir, name, (parent) => {
      const done = tryLinkat(this.#target.fd(toDir), place.name, parent, name);
      missing = done === -E.ENOENT;
      if (done === -E.EPERM) this.#findsFile(place);
      return missing ? 0 : done;
    });
    if (missing) return place;
    const node = toDir.children.get(place.name);
    if (!(node instanceof FileNode)) this.#target.addFile(dir, name);
    else if (node.layer === this.#target.tree.layer) this.#target.setFile(dir, name, node);
    else this.#target.addFile(dir, name, node.digest);
    return null;
  }

  /** @returns true if the place has a file, and it is not a directory */
  #findsFile({ dir, name }: Place): boolean {
    if (!statAt(this.#target.fd(dir), name, this.#target.stat)) return false;
    if (this.#target.stat.isDirectory) throw new BadPath('is a hardlink to a directory');
    return true;
  }
}

/** True if nothing has replaced the link since it was added. */
function isCurrent(link: Waiting): boolean {
  return link.dir.children.get(link.name) === link && link.dir.attached;
}

function badLink({ dir, name, to }: Waiting, reason: string): BadLink {
  return { path: dir.pathOf(name), target: to, reason };
}
