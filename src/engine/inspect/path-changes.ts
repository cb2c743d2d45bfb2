import { bytes, numbers, shorts, words } from '../../layer/merged/columns.js';
import type { Inodes } from '../../layer/merged/inodes.js';
import { type Attributes, type ChangeKind, changeKinds, fileTypes } from './page-data.js';

/**
 * All changes that the layers of an image make, in the order of the layers: about 30 bytes each. A file keeps the attributes
 * that it has after the layer.
 */
export class PathChanges {
  /** distinct attributes: most images have few */
  readonly attributes: Attributes[] = [];
  readonly #attributesOf = new Map<string, number>();
  /** by change: its layer; its path; the index in {@link changeKinds}; the file, of a deletion the file before */
  readonly layer = shorts();
  readonly path = words();
  readonly kind = bytes();
  readonly inode = words();
  /** by change: the index in {@link fileTypes}, the index in {@link attributes}, and the bytes of a regular file */
  readonly type = bytes();
  readonly attribute = words();
  readonly size = numbers();

  get length(): number {
    return this.path.length;
  }

  /** @param inode the file after the change; of a deletion, the file before */
  add(layer: number, path: number, kind: ChangeKind, inode: number, inodes: Inodes): void {
    const { mode, uid, gid } = inodes.metadata(inode);
    this.layer.push(layer);
    this.path.push(path);
    this.kind.push(changeKinds.indexOf(kind));
    this.inode.push(inode);
    this.type.push(fileTypes.indexOf(inodes.type(inode)));
    this.attribute.push(this.#addAttributes([mode, uid, gid]));
    this.size.push(kind === 'deleted' ? 0 : inodes.size(inode));
  }

  #addAttributes(attributes: Attributes): number {
    const key = attributes.join();
    const known = this.#attributesOf.get(key);
    if (known !== undefined) return known;
    this.#attributesOf.set(key, this.attributes.length);
    return this.attributes.push(attributes) - 1;
  }
}
