import type { Context } from './context.js';
import { compileFilters } from './filter/index.js';
import { infoOf } from './info.js';
import { names } from './metadata/records.js';
import type { Info } from './types.js';

/** As Snapshotter's `walk`: the snapshots that there were when it began. @throws LayerhookError SNAPSHOT_ARGUMENT, SYSTEM */
export function walkSnapshots({ db, client }: Context, filters: string[]): Info[] {
  const matches = compileFilters(filters);
  return db.read((reader) =>
    [...names(reader, client)].map(([{ name }, record]) => infoOf(name, record)).filter(matches),
  );
}
