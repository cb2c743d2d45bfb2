import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { close, O, tryOpenat } from './files.js';
import { StatBuffer, statFd } from './stat.js';

/** Directories of a descent that are open at the same time; a process may often have only 1024 descriptors. */
const maxOpen = 64;

/** In the place of the descriptor of a closed directory; AT_FDCWD is negative too. */
const closed = -1;

interface Level {
  /** {@link closed} where directories further down needed the descriptor */
  fd: number;
  /** device and inode number of a closed directory */
  id: string;
}

/**
 * The open directories on the way from one directory down. The depth is unlimited: no path is ever built, and only the
 * lowest directories stay open. A closed one is reopened through `..` of its child and must be the same directory.
 */
export class Descent {
  readonly #levels: Level[];
  readonly #flags: number;
  readonly #stat = new StatBuffer();

  /**
   * @param fd open directory to start from, or AT_FDCWD; the caller closes it
   * @param access O.RDONLY, or O.PATH for directories whose names are known and whose mode may forbid reading
   */
  constructor(fd: number, access: number = O.RDONLY) {
    this.#levels = [{ fd, id: '' }];
    this.#flags = access | O.DIRECTORY | O.NOFOLLOW;
  }

  /** Descriptor of the current directory. */
  get fd(): number {
    return this.#levels.at(-1)!.fd;
  }

  /** Number of directories between the start and the current one. */
  get depth(): number {
    return this.#levels.length - 1;
  }

  /**
   * Goes down into a directory; a symlink is not followed.
   *
   * @returns 0, or a negative errno: the current directory stays the same
   */
  enter(name: ByteString): number {
    const fd = tryOpenat(this.fd, name, this.#flags);
    if (fd < 0) return fd;
    this.push(fd);
    return 0;
  }

  /** Goes down into a directory that the caller has opened. The descent closes it. */
  push(fd: number): void {
    this.#levels.push({ fd, id: '' });
    const above = this.depth - maxOpen;
    if (above > 0) this.#suspend(this.#levels[above]!);
  }

  /**
   * Goes back up.
   *
   * @returns 0, or a negative errno; ESTALE if the directory was moved elsewhere meanwhile
   */
  leave(): number {
    const fd = this.#levels.pop()!.fd;
    try {
      const parent = this.#levels.at(-1)!;
      return parent.fd === closed ? this.#resume(parent, fd) : 0;
    } finally {
      close(fd);
    }
  }

  /** Closes everything but the start. */
  close(): void {
    for (const { fd } of this.#levels.splice(1)) if (fd !== closed) close(fd);
  }

  #suspend(level: Level): void {
    if (level.fd === closed) return;
    level.id = this.#identify(level.fd);
    close(level.fd);
    level.fd = closed;
  }

  #resume(level: Level, child: number): number {
    const fd = tryOpenat(child, '..', this.#flags);
    if (fd < 0) return fd;
    level.fd = fd;
    return this.#identify(fd) === level.id ? 0 : -E.ESTALE;
  }

  #identify(fd: number): string {
    const stat = this.#stat;
    statFd(fd, stat);
    return `${stat.devMajor}:${stat.devMinor}:${stat.ino}`;
  }
}
