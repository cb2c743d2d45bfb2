import { LayerhookError } from '../../errors/index.js';
import { getContent, getName, names } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { SnapshotFault } from '../types.js';
import { type Context, isTrusted, type Named } from './context.js';

/** As Store's `faults`. @throws LayerhookError SYSTEM */
export function faultsOf(context: Context, only: string[] | undefined): SnapshotFault[] {
  return context.db.read((reader) =>
    snapshots(context, reader, only).flatMap((snapshot) => {
      const why = faultOf(context, reader, snapshot);
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

/** What is wrong with a snapshot itself; undefined if nothing. */
export function faultOf(context: Context, reader: Reader, snapshot: Named): string | undefined {
  return missing(context, reader, snapshot) ?? distrust(context, reader, snapshot);
}

/**
 * Refuses mounts that could not be mounted, and with `requireTrust` those of what is not trusted.
 *
 * @throws LayerhookError SNAPSHOT_BROKEN
 */
export function requireWhole(context: Context, reader: Reader, chain: Named[]): void {
  for (const snapshot of chain) {
    const fault = context.requireTrust ? faultOf : missing;
    const reason = fault(context, reader, snapshot);
    if (reason !== undefined) throw new LayerhookError('SNAPSHOT_BROKEN', { name: snapshot.name, reason });
  }
}

function missing({ directories, boot }: Context, reader: Reader, snapshot: Named): string | undefined {
  const { kind, parent, content, lost } = snapshot;
  if (lost) return 'its record in the metadata is lost';
  // a view shows nothing of its own
  const fault = kind === 'view' && parent !== '' ? undefined : directories.fault(content);
  if (fault === undefined || kind === 'committed') return fault;
  // of what was made just before a power loss, only the metadata may be left: its mounts make it again
  return getContent(reader, content).boot === boot ? fault : undefined;
}

function distrust(context: Context, reader: Reader, { kind, content }: Named): string | undefined {
  const record = getContent(reader, content);
  if (record.damaged !== undefined) return `it is damaged: ${record.damaged}`;
  if (kind !== 'committed' || isTrusted(context, record)) return undefined;
  return 'it was not yet on disk when the machine went down';
}
