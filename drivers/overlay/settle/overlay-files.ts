import type { ByteString, OverlayXattr } from 'layerhook';
import { AT_FDCWD, getXattr, isUnsupported, readXattrs, S, StatBuffer, statAt } from 'layerhook/system';

/** What something in a layer's directory is to overlayfs. */
export type Kind = 'none' | 'whiteout' | 'directory' | 'symlink' | 'other';

/** Reads files of a layer as overlayfs does: Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". */
export class OverlayFiles {
  readonly #prefix: ByteString;
  /** of what was looked at last */
  readonly stat = new StatBuffer();

  /** @param xattr the namespace that overlayfs acts on */
  constructor(xattr: OverlayXattr) {
    this.#prefix = `${xattr}.overlay.`;
  }

  /** @param path absolute, all but its last component known to be directories */
  kindOf(path: ByteString): Kind {
    const { stat } = this;
    if (!statAt(AT_FDCWD, path, stat)) return 'none';
    if (stat.isDirectory) return 'directory';
    if (stat.isSymlink) return 'symlink';
    return this.#isWhiteout(path) ? 'whiteout' : 'other';
  }

  /** Whether nothing of the layers below shows in a directory. */
  isOpaque(path: ByteString): boolean {
    return this.#mark(path, 'opaque') === 'y';
  }

  /** The extended attributes that are an image's or the host's, as they are on disk; not what overlayfs acts on. */
  xattrsOf(path: ByteString): [name: ByteString, value: Buffer][] {
    return [...readXattrs(path)].filter(([name]) => !this.#isActing(name));
  }

  nameOf(mark: 'opaque' | 'whiteout'): ByteString {
    return this.#prefix + mark;
  }

  #isActing(name: ByteString): boolean {
    return name.startsWith(this.#prefix) && !name.startsWith(`${this.#prefix}overlay.`);
  }

  #isWhiteout(path: ByteString): boolean {
    const { stat } = this;
    if (stat.type === S.IFCHR) return stat.rdevMajor === 0 && stat.rdevMinor === 0;
    return stat.isFile && stat.size === 0 && this.#mark(path, 'whiteout') !== undefined;
  }

  #mark(path: ByteString, mark: string): string | undefined {
    try {
      return getXattr(path, this.#prefix + mark)?.toString('latin1');
    } catch (error) {
      if (isUnsupported(error)) return undefined;
      throw error;
    }
  }
}
