import type { Context } from '../context/context.js';
import { parentOf, selectInfos } from '../filter/index.js';
import { children, getName, names } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { Info } from '../types.js';
import { infoOf } from './info.js';

/** Implements Snapshotter's `walk` with the snapshots that exist when it begins. @throws LayerhookError SNAPSHOT_ARGUMENT, SYSTEM */
export function walkSnapshots({ db, client }: Context, filters: string[]): Info[] {
  // containerd filters by parent once for each existing layer
  const parent = parentOf(filters);
  const all = db.read((reader) =>
    parent === '' ? every(reader, client) : childrenOf(reader, client, parent),
  );
  return selectInfos(all, filters);
}

function every(reader: Reader, client: string): Info[] {
  return [...names(reader, client)].map(([{ name }, record]) => infoOf(name, record));
}

function childrenOf(reader: Reader, client: string, parent: string): Info[] {
  return children(reader, client, parent).flatMap((name) => {
    const record = getName(reader, client, name);
    return record === undefined ? [] : [infoOf(name, record)];
  });
}
