import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { E } from '../../system/errno.js';
import { Environment, type Lmdb } from './environment.js';
import { isFull, requireSpace, reserveSpace } from './reserve.js';
import { RowCache } from './row-cache.js';
import type { Reader, Writer } from './transaction.js';

/**
 * The metadata of a store: LMDB, for many processes at once.
 *
 * A transaction is synchronous and sees one state throughout. A write is on disk before it is seen, in an order that
 * leaves a whole database whenever the machine stops; only the very last one may then be undone (MDB_NOMETASYNC). A
 * process that dies inside a transaction undoes it and blocks no other.
 */
export class Database {
  readonly #environment: Environment;
  readonly #db: Lmdb;
  readonly #path: string;
  readonly #view: Writer;
  readonly #rows = new RowCache();
  readonly #cached: Writer;
  #isOpen = true;

  /** @throws LayerhookError STORE_INVALID, SYSTEM, NO_SPACE */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#environment = Environment.open(path);
    } catch (error) {
      throw databaseError(error, path);
    }
    this.#db = this.#environment.db;
    this.#view = viewOf(this.#db);
    this.#cached = this.#rows.viewOf(this.#view);
    reserveSpace(path);
  }

  /** @throws LayerhookError SYSTEM, and what `action` throws */
  read<T>(action: (reader: Reader) => T): T {
    try {
      // what others have committed since is to be seen
      this.#db.resetReadTxn();
      return action(this.#view);
    } catch (error) {
      throw databaseError(error, this.#path);
    }
  }

  /**
   * Runs `action` while no other process or thread writes. If it throws, nothing is changed.
   *
   * @throws LayerhookError NO_SPACE, SYSTEM, and what `action` throws
   */
  write<T>(action: (writer: Writer) => T): T {
    requireSpace(this.#path);
    return this.writeToFree(action);
  }

  /** As {@link write}, for what frees space afterwards: a full disk does not keep it from doing so. */
  writeToFree<T>(action: (writer: Writer) => T): T {
    try {
      return this.#environment.locked(() => this.#db.transactionSync(() => this.#act(action)) as T);
    } catch (error) {
      throw databaseError(error, this.#path);
    }
  }

  #act<T>(action: (writer: Writer) => T): T {
    return this.#rows.during(this.#db.getWriteTxnId(), () => action(this.#cached));
  }

  /** Ends the use of it; a second call does nothing. */
  close(): void {
    if (this.#isOpen) this.#environment.close();
    this.#isOpen = false;
  }
}

function viewOf(db: Lmdb): Writer {
  return {
    get: (key) => {
      const text = db.get(key);
      return text === undefined ? undefined : parse(text);
    },
    range: (prefix) => entries(db, prefix),
    put: (key, value) => void db.putSync(key, JSON.stringify(value)),
    delete: (key) => void db.removeSync(key),
  };
}

function* entries(db: Lmdb, prefix: Buffer): Generator<[Buffer, unknown]> {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  for (const { key, value } of db.getRange({ start: prefix, end })) yield [key, parse(value)];
}

/** One value that a disk has spoiled keeps nobody from the others. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function pathOf(error: unknown): string | undefined {
  return error instanceof Error && 'path' in error ? String(error.path) : undefined;
}

/** What LMDB threw, as ours: it has errno values in `code`, and its own codes below zero. */
function databaseError(error: unknown, path: string): Error {
  if (error instanceof LayerhookError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // where the disk was full after half a page, LMDB says EIO
  const isSpace = code === E.ENOSPC || code === E.EDQUOT || (code === E.EIO && isFull(path));
  if (isSpace) return new LayerhookError('NO_SPACE', { path }, error);
  if (typeof code === 'string') return fsError(error, `opening ${pathOf(error) ?? path}`);
  const reason = error instanceof Error ? error.message : String(error);
  const expected = 'the file and its file system must be readable and writable';
  return new LayerhookError('SYSTEM', { what: path, reason, expected }, error);
}
