import { LayerhookError } from '../../errors/index.js';
import type { ContentRecord } from '../metadata/record-types.js';
import { getContent, getName, names } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { UntrustedSnapshot } from '../types.js';
import { type Context, isTrusted, type Named } from './context.js';

/** Implements Store's `untrustedSnapshots`. @throws LayerhookError SYSTEM */
export function untrustedSnapshots(context: Context, only: string[] | undefined): UntrustedSnapshot[] {
  return context.db.read((reader) =>
    snapshots(context, reader, only).flatMap((snapshot) => {
      const why = whyUntrusted(context, reader, snapshot);
      return why === undefined ? [] : [{ name: snapshot.name, id: snapshot.content, why }];
    }),
  );
}

function snapshots({ client }: Context, reader: Reader, only: string[] | undefined): Named[] {
  if (only === undefined)
    return [...names(reader, client)].map(([{ name }, record]) => ({ ...record, name }));
  return only.flatMap((name) => {
    const record = getName(reader, client, name);
    return record === undefined ? [] : [{ ...record, name }];
  });
}

/** Returns why a snapshot itself is untrusted, independent of its parents; undefined if it is trusted. */
function whyUntrusted(context: Context, reader: Reader, snapshot: Named): string | undefined {
  const record = getContent(reader, snapshot.content);
  return whyMissing(context, snapshot, record) ?? whyUnproven(context, snapshot, record);
}

/**
 * Refuses a chain with missing content, which could not be mounted; with `requireTrust`, one with untrusted content.
 *
 * @returns the records of the chain's contents
 * @throws LayerhookError SNAPSHOT_BROKEN
 */
export function requireMountable(context: Context, reader: Reader, chain: Named[]): ContentRecord[] {
  return chain.map((snapshot) => {
    const record = getContent(reader, snapshot.content);
    const reason =
      whyMissing(context, snapshot, record) ??
      (context.requireTrust ? whyUnproven(context, snapshot, record) : undefined);
    if (reason !== undefined) throw new LayerhookError('SNAPSHOT_BROKEN', { name: snapshot.name, reason });
    return record;
  });
}

function whyMissing(
  { directories }: Context,
  { kind, parent, content, lost }: Named,
  record: ContentRecord,
): string | undefined {
  if (lost) return 'its record in the metadata is damaged';
  // a view has no files of its own
  if (kind === 'view' && parent !== '') return undefined;
  return directories.whyMissing(content, record);
}

function whyUnproven(context: Context, { kind }: Named, record: ContentRecord): string | undefined {
  if (record.damaged !== undefined) return `it is damaged: ${record.damaged}`;
  if (kind !== 'committed' || isTrusted(context, record)) return undefined;
  return 'it was not yet flushed to disk when the machine stopped';
}
