import { closeSync, existsSync, mkdirSync, mkdtempSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { lockDirectory, privatePrefix, removePrivate, sweep } from './private-place.js';
import { moveUp, publishAs, refuseBundle } from './publish.js';

/** A private place (mode 0700) where a bundle is built, invisible under its final name until it is whole. */
export interface Staging {
  /** where to build: becomes the bundle */
  path: string;
  rootfs: string;
  /** Gives the bundle its final name; what is mounted in it comes along. */
  publish(): Promise<void>;
  /** Removes all that was built, and what is still mounted there. */
  discard(): Promise<void>;
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
  const place = preparePlace(final);
  await sweep(place.parent, place.prefix);
  for (;;) {
    const path = mkdtempSync(join(place.parent, place.prefix));
    const fd = await lockDirectory(path);
    // another's sweep may have been quicker
    if (fd !== null && existsSync(path)) return staging(path, final, place.inside, fd);
    if (fd !== null) closeSync(fd);
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
  return { parent: dirname(final), prefix: privatePrefix(final), inside: false };
}

function staging(path: string, final: string, inside: boolean, lockFd: number): Staging {
  return {
    path,
    rootfs: join(path, 'rootfs'),
    async publish() {
      if (inside) await moveUp(path, final);
      else publishAs(path, final);
      closeSync(lockFd);
    },
    async discard() {
      await removePrivate(path);
      closeSync(lockFd);
    },
  };
}
