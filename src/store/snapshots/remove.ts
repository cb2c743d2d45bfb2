import { LayerhookError } from '../../errors/index.js';
import { type Context, requireName } from '../context/context.js';
import { children, deleteContent, deleteName, getName, usersOf } from '../metadata/records.js';
import type { Reader, Writer } from '../metadata/transaction.js';

/**
 * Removes a snapshot, and its content if no other name points to it.
 *
 * @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION, NO_SPACE, SYSTEM
 */
export function removeSnapshot(context: Context, name: string): void {
  const { db, client, directories } = context;
  const { kind, freed } = db.writeToFree((writer) => {
    const { kind } = requireName(writer, client, name);
    return { kind, freed: removeName(context, writer, name) };
  });
  if (freed === undefined) return;
  // a power loss must not bring back its record without its files
  if (kind === 'active') db.flush();
  // The content has no record now: if this process dies here, cleanup removes the directory.
  directories.remove([freed]);
}

/** Removes a name inside a transaction. @returns the content, if this was its last name */
export function removeName({ client }: Context, writer: Writer, name: string): string | undefined {
  const { content } = requireName(writer, client, name);
  const [child] = children(writer, client, name);
  if (child !== undefined) {
    const reason = `it cannot be removed because it is the parent of snapshot ${child}`;
    throw new LayerhookError('SNAPSHOT_PRECONDITION', { name, reason });
  }
  deleteName(writer, client, name);
  if (usersOf(writer, content).length > 0) return undefined;
  deleteContent(writer, content);
  return content;
}

/** True if an active snapshot or a view, which may be mounted, uses a content. */
export function mayBeMounted(reader: Reader, content: string): boolean {
  return usersOf(reader, content).some(({ client, name }) => hasMounted(reader, client, name));
}

function hasMounted(reader: Reader, client: string, name: string): boolean {
  const record = getName(reader, client, name);
  if (record === undefined) return false;
  if (record.kind !== 'committed') return true;
  return children(reader, client, name).some((child) => hasMounted(reader, client, child));
}
