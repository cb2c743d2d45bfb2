import { errnoName } from '../../errors/errno.js';
import { codeWords, fsError, machineExpectation, reasonOf } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { E } from '../../system/errno.js';
import { Environment, type Lmdb } from './environment.js';
import { bytesOfKey, keyOfBytes } from './keys.js';
import { isFull, requireSpace, reserveSpace } from './reserve.js';
import { RowCache } from './row-cache.js';
import type { Reader, Writer } from './transaction.js';

/**
 * The metadata of a store: an LMDB database that many processes use at the same time.
 *
 * A transaction is synchronous and sees one state throughout. A write is on disk before other processes see it, in an order
 * that keeps the database consistent whenever the machine stops; only the very last write may be undone (MDB_NOMETASYNC).
 * The death of a process undoes its transaction and blocks no other process.
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
    this.#environment = openEnvironment(path);
    this.#db = this.#environment.db;
    this.#view = viewOf(this.#db);
    this.#cached = this.#rows.viewOf(this.#view);
  }

  /** @throws LayerhookError SYSTEM, and what `action` throws */
  read<T>(action: (reader: Reader) => T): T {
    try {
      // a new snapshot of the database, with everything that other processes have committed
      this.#db.resetReadTxn();
      return action(this.#view);
    } catch (error) {
      throw databaseError(error, this.#path);
    }
  }

  /**
   * Runs `action` while no other process or thread writes. If `action` throws, nothing changes.
   *
   * @throws LayerhookError NO_SPACE, SYSTEM, and what `action` throws
   */
  write<T>(action: (writer: Writer) => T): T {
    requireSpace(this.#path);
    return this.writeToFree(action);
  }

  /** As {@link write}, for an action that frees space: it works on a full disk too. */
  writeToFree<T>(action: (writer: Writer) => T): T {
    try {
      return this.#environment.locked(() => this.#db.transactionSync(() => this.#act(action)) as T);
    } catch (error) {
      throw databaseError(error, this.#path);
    }
  }

  /** Waits until the last write is on disk: no power loss can undo it. @throws LayerhookError SYSTEM, NO_SPACE */
  flush(): void {
    try {
      this.#environment.flush();
    } catch (error) {
      throw databaseError(error, this.#path);
    }
  }

  #act<T>(action: (writer: Writer) => T): T {
    return this.#rows.during(this.#db.getWriteTxnId(), () => action(this.#cached));
  }

  /** Closes the database; a second call does nothing. */
  close(): void {
    if (this.#isOpen) this.#environment.close();
    this.#isOpen = false;
  }
}

function openEnvironment(path: string): Environment {
  let environment: Environment | undefined;
  try {
    environment = Environment.open(path);
    reserveSpace(path);
    return environment;
  } catch (error) {
    environment?.close();
    throw databaseError(error, path);
  }
}

function viewOf(db: Lmdb): Writer {
  return {
    get: (key) => {
      const text = db.get(bytesOfKey(key));
      return text === undefined ? undefined : parse(text);
    },
    range: (prefix) => entries(db, prefix),
    put: (key, value) => void db.putSync(bytesOfKey(key), JSON.stringify(value)),
    delete: (key) => void db.removeSync(bytesOfKey(key)),
  };
}

function* entries(db: Lmdb, prefix: string): Generator<[string, unknown]> {
  const start = bytesOfKey(prefix);
  const end = Buffer.from(start);
  end[end.length - 1]! += 1;
  for (const { key, value } of db.getRange({ start, end })) yield [keyOfBytes(key), parse(value)];
}

/** Returns null for a damaged value, so that the other values stay readable. */
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

/** Converts an error of LMDB: its `code` is an errno value, or negative for LMDB's own errors. */
function databaseError(error: unknown, path: string): Error {
  if (error instanceof LayerhookError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // LMDB reports EIO if the disk was full in the middle of a page
  const isSpace = code === E.ENOSPC || code === E.EDQUOT || (code === E.EIO && isFull(path));
  if (isSpace) return new LayerhookError('NO_SPACE', { path }, error);
  if (typeof code === 'string') return fsError(error, `opening ${pathOf(error) ?? path}`);
  const name = typeof code === 'number' && code > 0 ? errnoName(code) : undefined;
  const reason = name === undefined ? reasonOf(error) : codeWords(name);
  const expected =
    machineExpectation(name ?? '') ?? 'the file and its file system must be readable and writable';
  return new LayerhookError('SYSTEM', { what: path, reason, expected }, error);
}
