import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromText, showBytes } from './bytes.js';
import { closeOnError } from './close-on-error.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat, readlinkat, tryMkdirat, tryOpenat } from './files.js';
import { check } from './libc.js';
import { maxSymlinks } from './path-limits.js';
import { componentsReversed } from './paths.js';
import { inodeNumber, StatBuffer, statFd } from './stat.js';
import { isInUserNamespace } from './user-namespace.js';

const writableByOthers = 0o022;

export interface TrustOptions {
  /** directories that others write to, such as volumes of a container; missing directories are ignored */
  untrusted?: readonly string[];
  /** creates missing directories with these permission bits, before the umask; undefined: does not create directories */
  make?: number;
  /** called with the absolute path of each directory that was created */
  onMade?: (path: ByteString) => void;
  /** called for each directory of the path, including the last, before anything in it is opened or created */
  visit?: (stat: StatBuffer) => void;
}

/**
 * Opens a directory whose path begins in trusted directories and may end in directories that others write to.
 *
 * A symlink is followed only if neither a container nor another user can have created it. All directories above it must
 * belong to root or to this user, must not be writable by others, and must not be in `untrusted` or below. After the
 * first untrusted directory, every component must be a directory. Each component is opened relative to the descriptor of
 * its parent, so that a directory that another process replaces with a symlink is refused too.
 *
 * @param path absolute, or relative to the working directory
 * @returns a descriptor, open for reading
 * @throws LayerhookError DIRECTORY_INVALID if a component is an untrusted symlink or a file; SystemError
 */
export function openTrustedDirectory(path: string, options: TrustOptions = {}): number {
  return new Way(isAbsolute(path) ? path : join(process.cwd(), path), options).open();
}

interface Step {
  fd: number;
  /** false: others may have written its entries */
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
      const todo = componentsReversed(fromText(this.#path));
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

  /** Goes one component further. Returns the components of a symlink, which come next. */
  #step(name: ByteString): ByteString[] {
    const fd = this.#openOrMake(name);
    closeOnError(fd, () => statFd(fd, this.#stat, name));
    if (this.#stat.isDirectory) {
      this.#enter(fd);
      return [];
    }
    try {
      if (!this.#stat.isSymlink) throw this.#unfit(name, 'not a directory');
      if (!this.#here.trusted)
        throw this.#unfit(name, 'a symlink that a container or another user may have created');
      if (++this.#links > maxSymlinks) throw new SystemError(E.ELOOP, 'openat', fromText(this.#path));
      const target = readlinkat(fd, '');
      if (target.startsWith('/')) while (this.#steps.length > 1) this.#leave();
      return componentsReversed(target);
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
    if (made === 0) this.#options.onMade?.(this.#pathOf(name));
    return openat(fd, name, O.PATH | O.NOFOLLOW);
  }

  /** Takes over the descriptor of a directory. */
  #enter(fd: number): void {
    const isAboveTrusted = this.#steps.at(-1)?.trusted ?? true;
    const step = { fd, trusted: false };
    this.#steps.push(step);
    statFd(fd, this.#stat);
    const { uid, mode } = this.#stat;
    step.trusted =
      isAboveTrusted &&
      this.#owners.has(uid) &&
      (mode & writableByOthers) === 0 &&
      !this.#untrusted.has(inodeNumber(this.#stat));
    this.#options.visit?.(this.#stat);
  }

  /** Goes to the parent; the root is its own parent. */
  #leave(): void {
    if (this.#steps.length > 1) close(this.#steps.pop()!.fd);
  }

  /** Returns the path of an entry of the present directory. */
  #pathOf(name: ByteString): ByteString {
    const parent = readlinkat(AT_FDCWD, `/proc/self/fd/${this.#here.fd}`);
    return parent === '/' ? `/${name}` : `${parent}/${name}`;
  }

  #unfit(name: ByteString, what: string): LayerhookError {
    const at = showBytes(this.#pathOf(name));
    const reason = `${at === this.#path ? 'it' : at} is ${what}`;
    return new LayerhookError('DIRECTORY_INVALID', { path: this.#path, reason });
  }
}

/**
 * Returns the users whose directories are trusted: root and this user. In a user namespace, the root of the host appears
 * as the overflow user; user_namespaces(7).
 */
export function trustedOwners(): ReadonlySet<number> {
  const owners = new Set([0, process.geteuid!()]);
  if (isInUserNamespace()) owners.add(Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1')));
  return owners;
}

/** Returns device and inode of a directory as text; '' if it is missing or unreachable. */
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
