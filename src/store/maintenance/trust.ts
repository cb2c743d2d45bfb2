import { LayerhookError } from '../../errors/index.js';
import { type Context, chainOf, isUsable, requireName } from '../context/context.js';
import type { ContentRecord } from '../metadata/record-types.js';
import { contents, findContent, putContent } from '../metadata/records.js';
import { flush } from '../snapshots/commit.js';
import { isUnmeasured, measureContents } from './measure.js';

/** Implements Store's `sync`. @throws LayerhookError NO_SPACE, SYSTEM */
export async function syncStore(context: Context): Promise<void> {
  const { db, directories } = context;
  const all = db.read((reader) => [...contents(reader)]);
  const unflushed = all.filter(([, record]) => isUnflushed(context, record));
  const unmeasured = all.filter(([, record]) => isUnmeasured(record)).map(([id]) => id);
  // so that no power loss undoes what a finished sync promises, nor brings back a removed snapshot
  if (unflushed.length + unmeasured.length === 0) return db.flush();
  const usages = await measureContents(context, unmeasured);
  if (unflushed.length > 0) await flush(directories.root);
  db.write((writer) => {
    for (const [id, { boot }] of unflushed) {
      const now = findContent(writer, id);
      if (now?.boot === boot) putContent(writer, id, { ...now, flushed: true });
    }
    for (const [id, usage] of usages) {
      const now = findContent(writer, id);
      if (now && isUnmeasured(now)) putContent(writer, id, { ...now, usage });
    }
  });
  db.flush();
}

/** True if a content was committed under this boot and may exist only in memory. */
function isUnflushed({ boot }: Context, record: ContentRecord): boolean {
  return record.usage !== undefined && !record.flushed && record.boot === boot;
}

/** Implements Store's `markDamaged`. @throws LayerhookError SNAPSHOT_NOT_FOUND, NO_SPACE, SYSTEM */
export function markDamaged(context: Context, id: string, why: string): void {
  change(context, id, (record) => ({ ...record, damaged: why }));
}

/** Implements Store's `markVerified`. @throws LayerhookError SNAPSHOT_NOT_FOUND, NO_SPACE, SYSTEM */
export function markVerified(context: Context, id: string): void {
  change(context, id, ({ damaged: _, ...record }) => {
    // Content of this boot may have been read from memory, so it does not count as flushed.
    return record.boot === context.boot ? record : { ...record, boot: context.boot, flushed: true };
  });
}

function change(context: Context, id: string, changed: (record: ContentRecord) => ContentRecord): void {
  context.db.write((writer) => {
    const record = findContent(writer, id);
    if (record === undefined) throw new LayerhookError('SNAPSHOT_NOT_FOUND', { name: `content ${id}` });
    putContent(writer, id, changed(record));
  });
}

/** Implements Store's `untrusted`. @throws LayerhookError SNAPSHOT_NOT_FOUND, SYSTEM */
export function untrustedBelow(context: Context, name: string): string[] {
  const { db, client } = context;
  return db.read((reader) => {
    const { kind, parent } = requireName(reader, client, name);
    const chain = chainOf(reader, client, kind === 'committed' ? name : parent);
    return chain.map(({ content }) => content).filter((content) => !isUsable(context, reader, content));
  });
}
