import { type ByteString, showBytes } from '../../system/bytes.js';
import { baseName, parentOf } from '../../system/paths.js';
import { BadPath, entryError } from '../apply/errors.js';
import { words } from './columns.js';
import { none } from './names.js';
import type { Paths } from './paths.js';
import type { MergeState } from './state.js';
import { Texts } from './texts.js';

/**
 * The hardlinks of a layer. A link means what its target's name means at that point of the tar: an earlier entry, else a
 * file of the layers below, also where the layer hides it; only if neither has it, a later entry.
 */
export class Links {
  readonly #state: MergeState;
  readonly #paths: Paths;
  /** links whose targets were missing: their names, the inodes that hold their places, and the paths of their targets */
  readonly #names = words();
  readonly #places = words();
  readonly #targets = new Texts();

  constructor(state: MergeState, paths: Paths) {
    this.#state = state;
    this.#paths = paths;
  }

  /** Makes a link, now or after the last entry. @param to cleaned path of its target @throws BadEntry */
  add(directory: number, text: ByteString, to: ByteString): void {
    if (this.#link(directory, text, to) === null) return;
    const place = this.#state.tree.addInode(null);
    this.#names.push(this.#state.put(directory, text, place));
    this.#places.push(place);
    this.#targets.push(to);
  }

  /** Makes the waiting links. @throws LayerhookError LAYER_ENTRY if a target is missing */
  finish(digest: string): void {
    /** waiting links by the name that is missing, since a link that is made may be the target of others */
    const blocked = new Map<number, number[]>();
    const todo: number[] = [];
    for (let link = this.#names.length - 1; link >= 0; link--) todo.push(link);
    for (let link = todo.pop(); link !== undefined; link = todo.pop()) {
      if (!this.#isCurrent(link)) continue;
      const missing = this.#tryLink(link, digest);
      if (missing === null) {
        const name = this.#names.get(link);
        todo.push(...(blocked.get(name) ?? []).reverse());
        blocked.delete(name);
      } else {
        const others = blocked.get(missing);
        if (others === undefined) blocked.set(missing, [link]);
        else others.push(link);
      }
    }
    for (const [missing, links] of blocked) this.#refuse(missing, links, digest);
  }

  #tryLink(link: number, digest: string): number | null {
    const { names } = this.#state.tree;
    const name = this.#names.get(link);
    try {
      return this.#link(names.directory(name), names.text(name), this.#targets.get(link));
    } catch (error) {
      throw entryError(error, digest, names.text(name));
    }
  }

  /** Makes the link; a link to itself changes nothing. @returns null, or the name that is missing */
  #link(directory: number, text: ByteString, to: ByteString): number | null {
    const { tree } = this.#state;
    const found = this.#paths.find(parentOf(to), { own: true, hidden: true });
    if (found.directory === null) return found.stop;
    const name = tree.nameOf(found.directory, baseName(to));
    const target = tree.names.inode(name);
    const isThere = target !== none && tree.inodes.isKnown(target);
    if (isThere && tree.inodes.isDirectory(target)) throw new BadPath('is a hardlink to a directory');
    if (name === tree.names.find(directory, text)) return isThere ? null : name;
    const replaced = tree.child(directory, text);
    if (replaced !== none && tree.inodes.isDirectory(replaced) && tree.isBelow(found.directory, replaced))
      throw new BadPath('is a hardlink to a file in the directory that it replaces');
    if (!isThere) return name;
    this.#state.put(directory, text, target);
    return null;
  }

  /** True if nothing has replaced the link since it was added. */
  #isCurrent(link: number): boolean {
    const { tree } = this.#state;
    const name = this.#names.get(link);
    return tree.names.inode(name) === this.#places.get(link) && tree.isAttached(tree.names.directory(name));
  }

  #refuse(missing: number, links: readonly number[], digest: string): void {
    const { names } = this.#state.tree;
    for (const link of links) {
      if (!this.#isCurrent(link)) continue;
      const name = this.#names.get(link);
      const target =
        name === missing ? 'itself' : `${showBytes(this.#targets.get(link))}, which does not exist`;
      throw entryError(new BadPath(`is a hardlink to ${target}`), digest, names.text(name));
    }
  }
}
