import { LayerhookError } from '../../errors/index.js';
import { preciseNow } from '../../system/clock.js';
import { type Context, keptLabels, requireName } from '../context/context.js';
import type { NameRecord } from '../metadata/record-types.js';
import { putName } from '../metadata/records.js';
import { PreciseDate } from '../precise-date.js';
import type { Info } from '../types.js';

/** Returns a snapshot as its client sees it. */
export function infoOf(name: string, { kind, parent, labels, created, updated }: NameRecord): Info {
  return { kind, name, parent, labels, created: new PreciseDate(created), updated: new PreciseDate(updated) };
}

/**
 * Implements Snapshotter's `update`.
 *
 * @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export function updateSnapshot(
  { db, client }: Context,
  { name, labels }: Pick<Info, 'name' | 'labels'>,
  fieldpaths: string[],
): Info {
  return db.write((writer) => {
    const record = requireName(writer, client, name);
    const changed = updatedLabels(record.labels, labels, fieldpaths.length > 0 ? fieldpaths : ['labels']);
    const updated: NameRecord = { ...record, labels: keptLabels(changed), updated: preciseNow() };
    putName(writer, client, name, updated);
    return infoOf(name, updated);
  });
}

function updatedLabels(
  old: Record<string, string>,
  given: Record<string, string>,
  fieldpaths: string[],
): Record<string, string> {
  // maps: a label may have the name of a property that every object has
  let labels = new Map(Object.entries(old));
  const wanted = new Map(Object.entries(given));
  for (const path of fieldpaths) {
    if (path === 'labels') labels = new Map(wanted);
    else if (path.startsWith('labels.')) {
      const label = path.slice('labels.'.length);
      labels.set(label, wanted.get(label) ?? '');
    } else {
      const reason = 'only labels, or labels.NAME, can be changed';
      throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `field ${path}`, reason });
    }
  }
  return Object.fromEntries(labels);
}
