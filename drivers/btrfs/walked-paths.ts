import { walk } from 'layerhook';
import type { ByteString } from 'layerhook/system';

/** Finds the paths of hardlinked files by walking the whole tree at the first call. */
export class WalkedPaths {
  readonly #root: string;
  #paths: Map<number, ByteString[]> | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  of(inode: number): ByteString[] {
    this.#paths ??= this.#walk();
    return this.#paths.get(inode) ?? [];
  }

  #walk(): Map<number, ByteString[]> {
    const found = new Map<number, ByteString[]>();
    let device: string | undefined;
    walk(this.#root, (path, stat) => {
      const own = `${stat.devMajor}:${stat.devMinor}`;
      device ??= own;
      if (own !== device) return false;
      if (stat.nlink === 1 || stat.isDirectory) return true;
      const inode = Number(stat.ino);
      const paths = found.get(inode);
      if (paths) paths.push(path);
      else found.set(inode, [path]);
      return true;
    });
    return found;
  }
}
