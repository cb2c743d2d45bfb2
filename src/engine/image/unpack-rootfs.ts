import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { layerSources } from '../../layer/sources.js';
import type { MapOptions } from '../../layer/types.js';
import { LayerUnpacker } from '../../layer/unpacker.js';
import { againIfGone } from '../../system/again-if-gone.js';
import { fromText } from '../../system/bytes.js';
import { syncFilesystem } from '../../system/filesystem.js';
import { type Logger, silentLogger } from '../../system/logger.js';
import { type NewDirectories, withNewDirectories } from '../../system/new-directories.js';
import { checkpoint } from '../../system/steps.js';
import { closePlace, makePrivate, privatePrefix, removePrivate, sweep } from '../bundle/private-place.js';
import type { ImageOptions } from '../image-options.js';
import { linkedController } from '../linked-controller.js';
import { openImage } from '../open-image.js';
import { unmapped } from '../operation.js';
import { listed } from '../unpack/publish.js';
import { setRootAttributes } from '../unpack/root-attributes.js';

export interface UnpackRootfsOptions extends ImageOptions {
  /** path of the new root filesystem; it may be an empty directory, but no mount point */
  rootfs: string;
  /** ids on this host and in the image */
  map?: MapOptions | undefined;
  /** true: a symlink to a directory stays when a layer has a directory of that name; default false */
  keepDirlinks?: boolean | undefined;
  signal?: AbortSignal | undefined;
  log?: Logger | undefined;
}

/**
 * Unpacks the layers of an image into a directory, without hooks, a driver or a bundle; umoci-raw-unpack(1). The directory
 * appears whole, under its name and on disk, or not at all; parents that were created for it are removed after a failure.
 *
 * @throws LayerhookError DIRECTORY_INVALID, and those of reading images and layers
 */
export async function unpackRootfs(options: UnpackRootfsOptions): Promise<void> {
  await withNewDirectories((made) => unpackBelow(made, options));
}

async function unpackBelow(made: NewDirectories, options: UnpackRootfsOptions): Promise<void> {
  const { map = unmapped, keepDirlinks = false, log = silentLogger } = options;
  const stop = linkedController(options.signal);
  const { layout, image } = openImage(options);
  const final = resolve(options.rootfs);
  refuseOccupied(final);
  const parent = dirname(final);
  await sweep(parent, privatePrefix(final));
  const place = againIfGone(() => {
    made.make(parent);
    return makePrivate(parent, privatePrefix(final));
  });
  const rootfs = join(place.path, basename(final));
  const unpacker = new LayerUnpacker({ signal: stop.signal, onWarning: (message) => log.warn(message) });
  try {
    mkdirSync(rootfs, { mode: 0o700 });
    setRootAttributes(rootfs, map);
    const applied = { map, keepDirlinks, whiteouts: null, overlayXattr: 'trusted', mtree: false } as const;
    for (const source of layerSources(layout, image, options)) {
      await unpacker.apply(source, rootfs, { ...applied, track: rootfs });
    }
    await checkpoint(stop.signal);
    // nothing records that a power loss may have emptied its files
    await syncFilesystem(fromText(rootfs));
    publish(rootfs, final);
  } finally {
    await unpacker.close();
    await removePrivate(place).finally(() => closePlace(place));
    await layout.close();
  }
}

/** @throws LayerhookError DIRECTORY_INVALID for a file or a directory with files */
function refuseOccupied(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  const names = found.isDirectory() ? readdirSync(path) : null;
  if (names === null)
    throw new LayerhookError('DIRECTORY_INVALID', { path, reason: 'it is not a directory' });
  if (names.length > 0)
    throw new LayerhookError('DIRECTORY_INVALID', { path, reason: `it has ${listed(names)}` });
}

/** Renames over a missing or empty directory only: rename(2). */
function publish(rootfs: string, final: string): void {
  try {
    renameSync(rootfs, final);
  } catch (error) {
    refuseOccupied(final);
    throw fsError(error, `cannot create ${final}`);
  }
}
