import { LayerhookError } from '../../errors/index.js';
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
  return whyMissing(context, reader, snapshot) ?? whyUnproven(context, reader, snapshot);
}

/**
 * Refuses a chain with missing content, which could not be mounted; with `requireTrust`, one with untrusted content.
 *
 * @throws LayerhookError SNAPSHOT_BROKEN
 */
export function requireMountable(context: Context, reader: Reader, chain: Named[]): void {
  for (const snapshot of chain) {
    const why = context.requireTrust ? whyUntrusted : whyMissing;
    const reason = why(context, reader, snapshot);
    if (reason !== undefined) throw new LayerhookError('SNAPSHOT_BROKEN', { name: snapshot.name, reason });
  }
}

function whyMissing({ directories }: Context, reader: Reader, snapshot: Named): string | undefined {
  const { kind, parent, content, lost } = snapshot;
  if (lost) return 'its record in the metadata is damaged';
  // a view has no files of its own
  if (kind === 'view' && parent !== '') return undefined;
  return directories.whyMissing(content, getContent(reader, content));
}

function whyUnproven(context: Context, reader: Reader, { kind, content }: Named): string | undefined {
  const record = getContent(reader, content);
  if (record.damaged !== undefined) return `it is damaged: ${record.damaged}`;
  if (kind !== 'committed' || isTrusted(context, record)) return undefined;
  return 'it was not yet flushed to disk when the machine stopped';
}
