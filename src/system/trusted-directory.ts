import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromText, showBytes } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat, readlinkat, tryMkdirat, tryOpenat } from './files.js';
import { check } from './libc.js';
import { StatBuffer, statFd } from './stat.js';
import { isInUserNamespace } from './user-namespace.js';

const MAX_SYMLINKS = 40;
const WRITABLE_BY_OTHERS = 0o022;

export interface TrustOptions {
  /** directories that others write to, such as the volumes of a container; missing ones are ignored */
  untrusted?: readonly string[];
  /** permission bits of missing directories, which are created, before the umask; undefined: none is created */
  make?: number;
  /** called for each directory on the way, `path` itself included, before anything in it is opened or created */
  visit?: (stat: StatBuffer) => void;
}

/**
 * Opens a directory of which the beginning of the path is the operator's and the rest may be written by others.
 *
 * A symlink is followed only if neither a container nor another user can have put it there: every directory on the way
 * to it belongs to root or to this user, others cannot write to it, and it is not one of `untrusted` or below. From the
 * first other directory on, every component must be a directory. Each component is opened by the descriptor of the one
 * before, so that a directory that is exchanged for a symlink in between is refused too.
 *
 * @param path absolute, or relative to the working directory
 * @returns a descriptor, open for reading
 * @throws LayerhookError DIRECTORY_INVALID if a symlink or a file stands in the way; SystemError
 */
export function openTrustedDirectory(path: string, options: TrustOptions = {}): number {
  return new Way(isAbsolute(path) ? path : join(process.cwd(), path), options).open();
}

interface Step {
  fd: number;
  /** False: others may have written what is in it. */
  trusted: boolean;
}

class Way {
  readonly #path: string;
  readonly #options: TrustOptions;
  readonly #untrusted: ReadonlySet<string>;
  readonly #owners = trustedOwners();
  readonly #stat = new StatBuffer();
  /** from the root down */
  readonly #steps: Step[] = [];
  #links = 0;

  constructor(path: string, options: TrustOptions) {
    this.#path = path;
    this.#options = options;
    this.#untrusted = new Set((options.untrusted ?? []).map(inodeOf));
  }

  open(): number {
    try {
      this.#enter(openat(AT_FDCWD, '/', O.PATH | O.DIRECTORY));
      const todo = components(fromText(this.#path));
      for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
        if (name === '..') this.#leave();
        else todo.push(...this.#step(name));
      }
      return openat(this.#here.fd, '.', O.RDONLY | O.DIRECTORY);
    } finally {
      for (const { fd } of this.#steps) close(fd);
    }
  }

  get #here(): Step {
    return this.#steps.at(-1)!;
  }

  /** @returns the components of a symlink, to be taken next */
  #step(name: ByteString): ByteString[] {
    const fd = this.#openOrMake(name);
    statFd(fd, this.#stat, name);
    if (this.#stat.isDirectory) {
      this.#enter(fd);
      return [];
    }
    try {
      if (!this.#stat.isSymlink) throw this.#unfit(name, 'no directory');
      if (!this.#here.trusted)
        throw this.#unfit(name, 'a symlink that a container or another user may have made');
      if (++this.#links > MAX_SYMLINKS) throw new SystemError(E.ELOOP, 'openat', fromText(this.#path));
      const target = readlinkat(fd, '');
      if (target.startsWith('/')) while (this.#steps.length > 1) this.#leave();
      return components(target);
    } finally {
      close(fd);
    }
  }

  #openOrMake(name: ByteString): number {
    const { fd } = this.#here;
    const { make } = this.#options;
    const found = tryOpenat(fd, name, O.PATH | O.NOFOLLOW);
    if (found !== -E.ENOENT || make === undefined) return check(found, 'openat', name);
    const made = tryMkdirat(fd, name, make);
    if (made < 0 && made !== -E.EEXIST) throw new SystemError(-made, 'mkdirat', name);
    return openat(fd, name, O.PATH | O.NOFOLLOW);
  }

  #enter(fd: number): void {
    statFd(fd, this.#stat);
    const { uid, mode } = this.#stat;
    const trusted =
      (this.#steps.at(-1)?.trusted ?? true) &&
      this.#owners.has(uid) &&
      (mode & WRITABLE_BY_OTHERS) === 0 &&
      !this.#untrusted.has(inodeNumber(this.#stat));
    this.#steps.push({ fd, trusted });
    this.#options.visit?.(this.#stat);
  }

  /** The root is its own parent. */
  #leave(): void {
    if (this.#steps.length > 1) close(this.#steps.pop()!.fd);
  }

  #unfit(name: ByteString, what: string): LayerhookError {
    const parent = readlinkat(AT_FDCWD, `/proc/self/fd/${this.#here.fd}`);
    const at = showBytes(parent === '/' ? `/${name}` : `${parent}/${name}`);
    const reason = `${at === this.#path ? 'it' : at} is ${what}`;
    return new LayerhookError('DIRECTORY_INVALID', { path: this.#path, reason });
  }
}

/**
 * Users whose directories hold nothing of others: root and this user. A user namespace shows the root of the host as
 * the overflow user; user_namespaces(7).
 */
function trustedOwners(): ReadonlySet<number> {
  const owners = new Set([0, process.geteuid!()]);
  if (isInUserNamespace()) owners.add(Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1')));
  return owners;
}

/** Device and inode of a directory; '' if it is missing or cannot be reached. */
export function inodeOf(path: string): string {
  const fd = tryOpenat(AT_FDCWD, fromText(path), O.PATH);
  if (fd < 0) return '';
  try {
    const stat = new StatBuffer();
    statFd(fd, stat);
    return inodeNumber(stat);
  } finally {
    close(fd);
  }
}

/** Device and inode, as text. */
export function inodeNumber({ devMajor, devMinor, ino }: StatBuffer): string {
  return `${devMajor}:${devMinor}:${ino}`;
}

/** Components in reverse: the next one is at the end. */
function components(path: ByteString): ByteString[] {
  return path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .reverse();
}
