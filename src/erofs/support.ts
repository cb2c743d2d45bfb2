import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemWords } from '../errors/fs-error.js';
import { isLayerhookError } from '../errors/index.js';
import { fromText } from '../system/bytes.js';
import { AT_FDCWD } from '../system/files.js';
import { mountOverlay, unmount } from '../system/mount.js';
import { mountErofs } from '../system/mount-erofs.js';
import { removeTree, tryRemoveTreeAt } from '../system/remove.js';
import { tarAt } from './format.js';
import { ErofsImage } from './image.js';

/**
 * Finds out if this process can mount overlays of EROFS images in `directory`, by mounting one.
 *
 * @param directory an existing directory of the store, absolute
 * @returns why not; null if it can
 */
export async function whyNotErofs(directory: string): Promise<string | null> {
  let place: string;
  try {
    place = mkdtempSync(join(directory, '.layerhook-try-'));
  } catch (error) {
    return `${directory} cannot be written to: ${systemWords(error)}`;
  }
  try {
    await tryIn(place);
  } catch (error) {
    // a mount that stays makes this fail too, which would hide why
    tryRemoveTreeAt(AT_FDCWD, fromText(place));
    if (!isLayerhookError(error, 'MOUNT_FAILED')) throw error;
    return error.message;
  }
  removeTree(place);
  return null;
}

async function tryIn(place: string): Promise<void> {
  const file = join(place, 'image');
  writeFileSync(file, Buffer.alloc(tarAt));
  const map = { uidMappings: [], gidMappings: [], rootless: false };
  await new ErofsImage({ lower: null, map, keepDirlinks: false, digest: '', warn: () => {} }).write(file);
  const [image, upperdir, workdir, target] = ['lower', 'upper', 'work', 'target'].map((name) => {
    mkdirSync(join(place, name));
    return fromText(join(place, name));
  }) as [string, string, string, string];
  mountErofs(fromText(file), image);
  try {
    mountOverlay({ lowerdirs: [image], upperdir, workdir }, target);
    unmount(target, { detach: true });
  } finally {
    unmount(image, { detach: true });
  }
}
