import { LayerhookError } from '../errors/index.js';
import { type Context, requireName } from './context.js';
import type { Reader, Writer } from './metadata/database.js';
import {
  children,
  contents,
  deleteContent,
  deleteName,
  retired,
  unretire,
  usersOf,
} from './metadata/records.js';

/**
 * Removes a snapshot; its content too, if no other name points to it.
 *
 * @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION, NO_SPACE, SYSTEM
 */
export function removeSnapshot(context: Context, name: string): void {
  const freed = context.db.write((writer) => removeName(context, writer, name));
  if (freed === undefined) return;
  // nobody knows it any more: if this process dies here, cleanup does the rest
  context.directories.discard(freed);
  context.directories.empty();
}

/** Removes a name within a transaction. @returns content whose last name it was */
export function removeName({ client }: Context, writer: Writer, name: string): string | undefined {
  const { content } = requireName(writer, client, name);
  const [child] = children(writer, client, name);
  if (child !== undefined) {
    const reason = `it is the parent of snapshot ${child}`;
    throw new LayerhookError('SNAPSHOT_PRECONDITION', { name, reason });
  }
  deleteName(writer, client, name);
  if (usersOf(writer, content).length > 0) return undefined;
  deleteContent(writer, content);
  return content;
}

/** Whether an active snapshot or a view, which may be mounted, is on top of a content. */
export function mayBeMounted(reader: Reader, content: string): boolean {
  return usersOf(reader, content).some(({ client, name }) => hasMounted(reader, client, name));
}

function hasMounted(reader: Reader, client: string, name: string): boolean {
  if (requireName(reader, client, name).kind !== 'committed') return true;
  return children(reader, client, name).some((child) => hasMounted(reader, client, child));
}

/** Removes from the disk what no name needs. @throws LayerhookError NO_SPACE, SYSTEM */
export function removeLeftovers(context: Context): void {
  const { db, directories, boot } = context;
  // inside a transaction, so that nobody is making what looks like a leftover
  db.write((writer) => {
    for (const [content, of] of retired(writer)) if (of !== boot) unretire(writer, content);
    const needed = new Set([...contents(writer)].map(([content]) => content));
    for (const [content] of retired(writer)) needed.add(content);
    for (const name of directories.list()) if (!needed.has(name)) directories.discard(name);
  });
  directories.empty();
}
