import { chmodSync, lstatSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { againIfGone } from '../../system/again-if-gone.js';
import { type Logger, silentLogger } from '../../system/logger.js';
import { NewDirectories } from '../../system/new-directories.js';
import {
  closePlace,
  insidePrefix,
  makePrivate,
  type PrivatePlace,
  privatePrefix,
  removePrivate,
  sweep,
} from '../bundle/private-place.js';
import { moveUp, type OccupiedOptions, publishAs, refuseOccupied } from './publish.js';

/** A private directory (mode 0700) for a new bundle. The final name of the bundle appears when the bundle is whole. */
export interface Staging {
  /** path of the directory that becomes the bundle */
  path: string;
  rootfs: string;
  /** Gives the bundle its final name. Mounts in the bundle move along. */
  publish(): Promise<void>;
  /** Unmounts and removes all that the directory holds, and the parents of the bundle that were created for it. */
  discard(): Promise<void>;
}

export interface StagingOptions extends OccupiedOptions {
  log?: Logger | undefined;
}

/**
 * Opens a staging directory for `bundle`: beside it, or inside it if the directory exists (it may be a mount point). Staging
 * directories of killed processes are removed; a lock protects those in use.
 *
 * @param bundle path of the new bundle; it may be an empty directory
 * @param options `force`: the directory may have files that do not belong to a bundle
 * @throws LayerhookError BUNDLE_EXISTS, DIRECTORY_INVALID, DIRECTORY_NOT_EMPTY, NO_SPACE, SYSTEM
 */
export async function openStaging(bundle: string, options: StagingOptions = {}): Promise<Staging> {
  const final = resolve(bundle);
  const made = new NewDirectories();
  try {
    const { parent, prefix, inside } = preparePlace(final, made, options);
    await sweep(parent, prefix);
    const place = againIfGone(() => {
      made.make(parent);
      return makePrivate(parent, prefix);
    });
    const { path } = place;
    const publish = async () =>
      inside ? publishInside(place.parent, { path, final }, options) : publishAs(path, final);
    return staging(place, made, publish);
  } catch (error) {
    made.remove();
    throw error;
  }
}

function preparePlace(
  final: string,
  made: NewDirectories,
  options: OccupiedOptions,
): { parent: string; prefix: string; inside: boolean } {
  made.make(dirname(final));
  const existing = statSync(final, { throwIfNoEntry: false });
  if (existing?.isDirectory()) {
    refuseOccupied(final, options);
    return { parent: final, prefix: insidePrefix, inside: true };
  }
  if (lstatSync(final, { throwIfNoEntry: false })) {
    const what = existing ? 'file in its place' : 'symlink in its place, which leads nowhere';
    throw new LayerhookError('BUNDLE_EXISTS', { path: final, what });
  }
  return { parent: dirname(final), prefix: privatePrefix(final), inside: false };
}

/**
 * Moves a bundle up into its existing directory, which is closed to other users before: an image may have setuid programs.
 *
 * @param fd the open directory
 */
async function publishInside(
  fd: number,
  { path, final }: { path: string; final: string },
  options: StagingOptions,
): Promise<void> {
  const open = `/proc/self/fd/${fd}`;
  const { mode, uid } = statSync(open);
  // a group alone has access by intention, not by the umask
  const isOpen = (mode & 0o007) !== 0;
  const closes = isOpen && uid === process.geteuid?.();
  if (closes) chmodSync(open, mode & 0o7700);
  try {
    await moveUp(path, final, options);
  } catch (error) {
    if (closes) chmodSync(open, mode & 0o7777);
    throw error;
  }
  const { log = silentLogger } = options;
  const shown = `its mode was ${(mode & 0o777).toString(8)}`;
  if (closes) log.warn(`closed ${final} to other users, since a bundle may have setuid files: ${shown}`);
  else if (isOpen)
    log.warn(`${final} belongs to uid ${uid}, and other users may enter it and the bundle: ${shown}`);
}

function staging(place: PrivatePlace, made: NewDirectories, publish: () => Promise<void>): Staging {
  const { path } = place;
  return {
    path,
    rootfs: join(path, 'rootfs'),
    async publish() {
      await publish();
      closePlace(place);
    },
    async discard() {
      try {
        await removePrivate(place);
      } finally {
        // the next unpack may try it again
        closePlace(place);
        made.remove();
      }
    },
  };
}
