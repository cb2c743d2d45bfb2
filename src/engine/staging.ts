import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { LayerhookError } from '../errors/index.js';

type Remove = (path: string) => unknown;

/** Names that make a directory a bundle, in the order in which they are published: umoci.json says it is whole. */
const bundleNames = ['rootfs', 'config.json', 'umoci.json'] as const;

/** A private place (mode 0700) where a bundle is built, invisible under its final name until it is whole. */
export interface Staging {
  /** where to build: becomes the bundle */
  path: string;
  rootfs: string;
  /** Gives the bundle its final name. */
  publish(): void;
  /** Removes all that was built. */
  discard(): void;
}

/**
 * Opens a staging directory for `bundle`: beside it, or inside it where the directory exists already (it may be a
 * mount point). Staging directories that killed processes left behind are removed; a lock tells which are alive.
 *
 * @param bundle path of the bundle to be; it may exist as long as nothing in it belongs to a bundle
 * @throws LayerhookError BUNDLE_EXISTS, SYSTEM
 */
export async function openStaging(bundle: string): Promise<Staging> {
  const final = resolve(bundle);
  const { flock } = await import('../system/lock.js');
  const { removeTree } = await import('../system/remove.js');
  const place = preparePlace(final);
  const isDead = (fd: number) => flock(fd, 'exclusive', { wait: false });
  sweep(place.parent, place.prefix, isDead, removeTree);
  for (;;) {
    const path = mkdtempSync(join(place.parent, place.prefix));
    const fd = openSync(path, 'r');
    if (flock(fd, 'exclusive', { wait: false }) && existsSync(path))
      return staging(path, final, place.inside, fd, removeTree);
    closeSync(fd);
  }
}

function preparePlace(final: string): { parent: string; prefix: string; inside: boolean } {
  const existing = statSync(final, { throwIfNoEntry: false });
  if (existing) {
    if (!existing.isDirectory())
      throw new LayerhookError('BUNDLE_EXISTS', { path: final, what: 'file in its place' });
    refuseBundle(final);
    return { parent: final, prefix: '.layerhook-', inside: true };
  }
  try {
    mkdirSync(dirname(final), { recursive: true });
  } catch (error) {
    throw new LayerhookError(
      'SYSTEM',
      {
        what: `cannot make ${dirname(final)}`,
        reason: (error as Error).message,
        expected: 'name a bundle path that can be made',
      },
      error,
    );
  }
  return { parent: dirname(final), prefix: `.${basename(final)}.layerhook-`, inside: false };
}

function refuseBundle(path: string): void {
  for (const name of bundleNames)
    if (existsSync(join(path, name))) throw new LayerhookError('BUNDLE_EXISTS', { path, what: name });
}

/** Removes what killed processes left: directories of our naming that nobody holds a lock on. */
function sweep(parent: string, prefix: string, isDead: (fd: number) => boolean, remove: Remove): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(parent, name);
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch {
      continue;
    }
    try {
      if (isDead(fd)) remove(path);
    } finally {
      closeSync(fd);
    }
  }
}

function staging(path: string, final: string, inside: boolean, lockFd: number, remove: Remove): Staging {
  return {
    path,
    rootfs: join(path, 'rootfs'),
    publish() {
      if (inside) moveUp(path, final, remove);
      else publishAs(path, final);
      closeSync(lockFd);
    },
    discard() {
      remove(path);
      closeSync(lockFd);
    },
  };
}

/** rename(2) replaces an empty directory only: a bundle that appeared meanwhile is never overwritten. */
function publishAs(path: string, final: string): void {
  try {
    renameSync(path, final);
  } catch (error) {
    throw new LayerhookError('BUNDLE_EXISTS', { path: final, what: 'bundle made meanwhile' }, error);
  }
}

function moveUp(path: string, final: string, remove: Remove): void {
  refuseBundle(final);
  const last = new Set<string>(bundleNames);
  const names = [...readdirSync(path).filter((name) => !last.has(name)), ...bundleNames];
  for (const name of names) if (existsSync(join(path, name))) renameSync(join(path, name), join(final, name));
  remove(path);
}
