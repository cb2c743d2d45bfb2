import { dirname } from 'node:path';
import { type ByteString, fromText } from './bytes.js';
import { AT_REMOVEDIR, close, tryUnlinkat } from './files.js';
import { identityAt } from './identity.js';
import { makeDirectories } from './make-directory.js';
import { openParent } from './named-directory.js';
import { baseName } from './paths.js';

/**
 * The directories that a process creates on the way to a result, such as the parents of a bundle. If the result fails,
 * {@link remove} removes them.
 */
export class NewDirectories {
  /** highest first */
  readonly #made: { path: ByteString; identity: string | null }[] = [];

  /** Creates a directory and its missing parents, as {@link makeDirectories} does, and notes each. @throws LayerhookError as there */
  make(path: string, mode?: number): void {
    makeDirectories(path, mode, (made) => this.note(fromText(made)));
  }

  /** Notes a directory that the caller has just created. */
  note(path: ByteString): void {
    this.#made.push({ path, identity: inParent(path, identityAt) });
  }

  /**
   * Removes the directories that are empty. Others may be able to write to them: the removal goes through the open parent,
   * and a directory that has taken the name of one that was created stays. Never throws.
   */
  remove(): void {
    for (const { path, identity } of this.#made.splice(0).reverse())
      inParent(path, (parent, name) => {
        if (identity !== null && identityAt(parent, name) === identity)
          tryUnlinkat(parent, name, AT_REMOVEDIR);
      });
  }
}

/**
 * Runs `work`. If it fails, the directories that it created are removed, as {@link NewDirectories.remove} does.
 *
 * @returns the result of `work`, which may be a promise
 */
export function withNewDirectories<T>(work: (made: NewDirectories) => T): T {
  const made = new NewDirectories();
  const undo = (error: unknown): never => {
    made.remove();
    throw error;
  };
  try {
    const result = work(made);
    return result instanceof Promise ? (result.catch(undo) as T) : result;
  } catch (error) {
    return undo(error);
  }
}

/** Calls `use` with the open parent of a path. Returns null if that fails: what made the result fail matters more. */
function inParent<T>(path: ByteString, use: (parent: number, name: ByteString) => T): T | null {
  try {
    const parent = openParent(dirname(path));
    try {
      return use(parent, baseName(path));
    } finally {
      close(parent);
    }
  } catch {
    return null;
  }
}
