import { tryOpenat } from './access.js';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { close, O } from './files.js';
import { inodeNumber, StatBuffer, statFd } from './stat.js';

/** Directories that a descent keeps open; many systems limit a process to 1024 descriptors. */
const maxOpen = 64;

/** Replaces the descriptor of a closed directory. AT_FDCWD is negative too. */
const closed = -1;

interface Level {
  /** {@link closed} if directories further down needed the descriptor */
  fd: number;
  /** device and inode number of a closed directory */
  id: string;
}

/**
 * A walk down from one directory, which holds the directories on its way open. The depth is unlimited: the walk never
 * builds a path, and keeps only the lowest directories open. It reopens a closed directory through `..` of the child,
 * which must lead to the same directory. Modes do not deny access to own directories: see access.ts.
 */
export class Descent {
  readonly #levels: Level[];
  readonly #flags: number;
  readonly #stat = new StatBuffer();

  /**
   * @param fd open directory to start from, or AT_FDCWD; the caller closes it later
   * @param access O.RDONLY, or O.PATH for directories whose names are known and whose mode may forbid reading
   */
  constructor(fd: number, access: number = O.RDONLY) {
    this.#levels = [{ fd, id: '' }];
    this.#flags = access | O.DIRECTORY | O.NOFOLLOW;
  }

  /** The descriptor of the current directory. */
  get fd(): number {
    return this.#levels.at(-1)!.fd;
  }

  /** The number of levels below the start. */
  get depth(): number {
    return this.#levels.length - 1;
  }

  /**
   * Goes down into a directory, without following a symlink.
   *
   * @returns 0, or a negative errno; after an error the current directory is the same as before
   */
  enter(name: ByteString): number {
    const fd = tryOpenat(this.fd, name, this.#flags);
    if (fd < 0) return fd;
    this.push(fd);
    return 0;
  }

  /** Goes down into a directory that the caller opened. The descent closes the descriptor. */
  push(fd: number): void {
    this.#levels.push({ fd, id: '' });
    const above = this.depth - maxOpen;
    if (above > 0) this.#suspend(this.#levels[above]!);
  }

  /**
   * Goes up to the parent.
   *
   * @returns 0, or a negative errno; ESTALE if the directory was moved elsewhere in the meantime
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

  /** Closes all directories except the start. */
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
    statFd(fd, this.#stat);
    return inodeNumber(this.#stat);
  }
}
