import { tryLockFile } from '../../system/lock.js';
import { buildingMark, markOf } from '../bundles/building.js';
import type { Context } from '../context/context.js';
import { leaseName } from '../context/lease.js';
import { extractionPrefix } from '../context/name.js';
import { layerLock, lockPath } from '../layers/extract.js';
import { removeExtraction } from '../layers/extraction.js';
import { contents, names, retired, unretire } from '../metadata/records.js';

/** Implements Snapshotter's `cleanup`. @throws LayerhookError NO_SPACE, SYSTEM */
export async function cleanUp(context: Context): Promise<void> {
  await removeDeadExtractions(context);
  removeUnusedLocks(context);
  discardLeftovers(context);
  await context.directories.eraseAll();
}

/** Removes the snapshots of extractions whose process has died, for all clients. */
async function removeDeadExtractions(context: Context): Promise<void> {
  const owners = context.db.read((reader) => [...names(reader)].map(([owner]) => owner));
  for (const { client, name } of owners) {
    if (!name.startsWith(extractionPrefix)) continue;
    const unlock = tryLockFile(lockPath(context, name.slice(extractionPrefix.length)));
    if (unlock === undefined) continue;
    try {
      await removeExtraction({ ...context, client }, name);
    } finally {
      unlock();
    }
  }
}

/** Removes the lock files of dead processes. The mark of an unfinished bundle stays as long as its snapshot. */
function removeUnusedLocks({ db, directories }: Context): void {
  const locks = directories.locks();
  const marks = new Set(db.read((reader) => [...names(reader)].map(([{ name }]) => markOf(name))));
  const isUnused = (name: string) => name.startsWith(buildingMark) && !marks.has(name);
  for (const name of locks) {
    const ends = name.startsWith(layerLock) || name.startsWith(leaseName) || isUnused(name);
    if (ends) tryLockFile(directories.lock(name))?.();
  }
}

/** Discards directories without a content record. */
function discardLeftovers({ db, directories, boot }: Context): void {
  // inside a transaction, so that no other process is creating a directory that looks like a leftover
  db.writeToFree((writer) => {
    for (const [content, of] of retired(writer)) if (of !== boot) unretire(writer, content);
    const needed = new Set([...contents(writer)].map(([content]) => content));
    for (const [content] of retired(writer)) needed.add(content);
    for (const name of directories.list()) if (!needed.has(name)) directories.discard(name);
  });
}
