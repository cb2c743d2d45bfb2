import { type ByteString, showBytes } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { isInUserNamespace } from '../../system/user-namespace.js';
import { getXattr, isUnsupported, listXattrs, removeXattr, trySetXattr } from '../../system/xattr.js';
import { isHostXattr } from '../host-xattrs.js';
import { escapeXattr, isMark } from '../overlay-marks.js';
import type { ApplyOptions, OverlayXattr, TarEntry } from '../types.js';
import { rootlessOwner } from './owners.js';

const rootlessXattr = 'user.rootlesscontainers';

/** Reports a warning; later warnings of the same `kind` are dropped. */
export type Warn = (kind: string, message: string) => void;

/** Sets the xattrs of entries: translates their names, and warns or fails if one cannot be set. */
export class Xattrs {
  readonly #rootless: boolean;
  /** true without privileges on the host: refusals are normal */
  readonly #unprivileged: boolean;
  /** the namespace that overlayfs acts on; null for a plain directory */
  readonly #acting: OverlayXattr | null;
  readonly #warn: Warn;

  constructor({ map, whiteouts, overlayXattr }: ApplyOptions, warn: Warn) {
    this.#rootless = map.rootless;
    this.#unprivileged = map.rootless || isInUserNamespace();
    this.#acting = whiteouts === 'overlay' ? overlayXattr : null;
    this.#warn = warn;
  }

  /** True if devices may be refused; empty files replace them. */
  get unprivileged(): boolean {
    return this.#unprivileged;
  }

  /** True if a new file of this entry needs any xattr. */
  needed(entry: TarEntry): boolean {
    return entry.xattrs.size > 0 || (this.#rootless && (entry.uid !== 0 || entry.gid !== 0));
  }

  /**
   * Sets an entry's xattrs on a file without xattrs.
   *
   * @param file open file descriptor, or a path for files that cannot be opened
   * @throws SystemError
   */
  set(file: number | ByteString, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs) {
      if (!this.#isForbidden(file, name, value, entry)) this.#setOne(file, this.#onDisk(name), value, entry);
    }
    const owner = this.#rootless ? rootlessOwner(entry.uid, entry.gid) : undefined;
    if (owner !== undefined) this.#setOne(file, rootlessXattr, owner, entry);
  }

  /** Removes all xattrs except those of the host and those that overlayfs interprets. */
  clear(file: number | ByteString): void {
    try {
      for (const name of listXattrs(file)) {
        if (!isHostXattr(name) && !this.#isActing(name)) removeXattr(file, name);
      }
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    }
  }

  #isActing(name: ByteString): boolean {
    return this.#acting !== null && isMark(name, this.#acting);
  }

  #onDisk(name: ByteString): ByteString {
    return this.#acting === null ? name : escapeXattr(name, this.#acting);
  }

  #isForbidden(file: number | ByteString, name: ByteString, value: Buffer, entry: TarEntry): boolean {
    if (name === rootlessXattr) {
      this.#warn(rootlessXattr, `${showBytes(entry.name)}: the layer itself sets ${rootlessXattr}`);
      return this.#rootless;
    }
    if (!isHostXattr(name)) return false;
    if (!this.#has(file, name, value)) {
      this.#warn(name, `${showBytes(entry.name)}: ${name} is not set, because it belongs to the host`);
    }
    return true;
  }

  #has(file: number | ByteString, name: ByteString, value: Buffer): boolean {
    try {
      return getXattr(file, name)?.equals(value) ?? false;
    } catch {
      return false;
    }
  }

  #setOne(file: number | ByteString, name: ByteString, value: Buffer, entry: TarEntry): void {
    const done = trySetXattr(file, name, value);
    if (done >= 0) return;
    const shown = showBytes(name);
    const what = `${showBytes(entry.name)}: ${shown} is not set`;
    if (done === -E.EPERM && typeof file === 'string' && name.startsWith('user.')) {
      this.#warn('user', `${what}, because Linux allows user attributes of files and directories only`);
    } else if (done === -E.ENOTSUP) {
      this.#warn('ENOTSUP', `${what}, because the filesystem does not support the attribute`);
    } else if (done === -E.EPERM && this.#unprivileged) {
      this.#warn(`EPERM ${name}`, `${what}, because it needs privileges`);
    } else throw new SystemError(-done, `setxattr ${shown}`, entry.name);
  }
}
