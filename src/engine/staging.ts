import { closeSync, existsSync, lstatSync, mkdtempSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { makeDirectory } from '../system/make-directory.js';
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
 * @throws LayerhookError BUNDLE_EXISTS, DIRECTORY_INVALID, NO_SPACE, SYSTEM
 */
export async function openStaging(bundle: string): Promise<Staging> {
  const final = resolve(bundle);
  const place = preparePlace(final);
  await sweep(place.parent, place.prefix);
  for (;;) {
    const path = makePrivate(place);
    const fd = await lockDirectory(path);
    // another's sweep may have been quicker
    if (fd !== null && existsSync(path)) return staging(path, final, place.inside, fd);
    if (fd !== null) closeSync(fd);
  }
}

function makePrivate({ parent, prefix }: { parent: string; prefix: string }): string {
  try {
    return mkdtempSync(join(parent, prefix));
  } catch (error) {
    throw fsError(error, `cannot make a directory in ${parent}`);
  }
}

function preparePlace(final: string): { parent: string; prefix: string; inside: boolean } {
  makeDirectory(dirname(final));
  const existing = statSync(final, { throwIfNoEntry: false });
  if (existing?.isDirectory()) {
    refuseBundle(final);
    return { parent: final, prefix: '.layerhook-', inside: true };
  }
  if (lstatSync(final, { throwIfNoEntry: false })) {
    const what = existing ? 'file in its place' : 'symlink in its place, which leads nowhere';
    throw new LayerhookError('BUNDLE_EXISTS', { path: final, what });
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
      try {
        await removePrivate(path);
      } finally {
        // the next unpack may try it again
        closeSync(lockFd);
      }
    },
  };
}
