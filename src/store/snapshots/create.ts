import { LayerhookError } from '../../errors/index.js';
import { preciseNow } from '../../system/clock.js';
import { type Context, chainOf, keptLabels, type Named, requireName } from '../context/context.js';
import { imagesOf } from '../context/erofs-mounts.js';
import { requireFreeText } from '../context/name.js';
import { requireMountable } from '../context/untrusted.js';
import { getName, nextContent, putContent, putName } from '../metadata/records.js';
import type { Writer } from '../metadata/transaction.js';
import type { Mount, SnapshotOptions } from '../types.js';
import { mountsOf } from './mounts.js';

/**
 * Creates an active snapshot or a view.
 *
 * @param parent name of a committed snapshot, or ''
 * @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_EXISTS, SNAPSHOT_ARGUMENT, SNAPSHOT_BROKEN, NO_SPACE, SYSTEM
 */
export function createSnapshot(
  context: Context,
  kind: 'active' | 'view',
  key: string,
  parent: string,
  options: SnapshotOptions = {},
): Mount[] {
  requireFreeText('snapshot key', key);
  return mountsOf(context, kind, createContent(context, kind, key, parent, options));
}

/**
 * As {@link createSnapshot}.
 *
 * @returns the content of the snapshot, followed by the contents below it, highest first
 */
export function createContent(
  context: Context,
  kind: 'active' | 'view',
  key: string,
  parent: string,
  options: SnapshotOptions = {},
): [content: string, ...lower: string[]] {
  return context.db.write((writer) => {
    const below = parent === '' ? [] : parentChain(writer, context.client, parent);
    if (getName(writer, context.client, key)) throw new LayerhookError('SNAPSHOT_EXISTS', { name: key });
    const records = requireMountable(context, writer, below);
    const content = addSnapshot(context, writer, { kind, key, parent, ...options });
    const lower = below.map((snapshot) => snapshot.content);
    context.erofs.mount(imagesOf(lower, records));
    context.directories.create(content, lower[0]);
    return [content, ...lower];
  });
}

function parentChain(writer: Writer, client: string, parent: string): Named[] {
  if (requireName(writer, client, parent).kind !== 'committed') {
    const what = `parent ${parent}`;
    throw new LayerhookError('SNAPSHOT_ARGUMENT', { what, reason: 'it is not a committed snapshot' });
  }
  return chainOf(writer, client, parent);
}

/** Writes the records of a new snapshot. @returns its content */
function addSnapshot(
  { client, boot }: Context,
  writer: Writer,
  { kind, key, parent, labels }: { kind: 'active' | 'view'; key: string; parent: string } & SnapshotOptions,
): string {
  const content = nextContent(writer);
  const created = preciseNow();
  putContent(writer, content, { created, boot, flushed: false });
  putName(writer, client, key, {
    kind,
    parent,
    content,
    labels: keptLabels(labels),
    created,
    updated: created,
  });
  return content;
}
