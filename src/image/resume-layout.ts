import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRegularFile, removeFile } from '../system/regular-file.js';
import { encodeJson } from '../text/json-lossless.js';
import { indexMediaType } from './media-types.js';

/** The index.json of a new layout. */
export const emptyIndex = { schemaVersion: 2, mediaType: indexMediaType, manifests: [] };

/**
 * Prepares a directory for a second attempt to create a layout. It must belong to this user and contain nothing but what a
 * killed attempt leaves; an empty directory is one case of that. Removes the temporary files of that attempt.
 *
 * @returns false if the directory is something else
 */
export function resumeLayout(path: string): boolean {
  try {
    if (!isBegun(path)) return false;
    for (const name of readdirSync(path).filter(isTemporary)) removeFile(join(path, name));
    return true;
  } catch {
    // it is not a directory, or may not be read
    return false;
  }
}

function isBegun(path: string): boolean {
  if (!isOwnDirectory(path)) return false;
  return readdirSync(path).every((name) => {
    const file = join(path, name);
    if (name === 'index.json') return isEmptyIndex(file);
    if (name === 'blobs')
      return isOwnDirectory(file) && readdirSync(file).every((own) => isEmptySha256(file, own));
    return isTemporary(name);
  });
}

function isEmptyIndex(file: string): boolean {
  const empty = encodeJson(emptyIndex);
  return readRegularFile(file, { maxBytes: empty.length })?.equals(empty) === true;
}

function isEmptySha256(blobs: string, name: string): boolean {
  const directory = join(blobs, name);
  return name === 'sha256' && isOwnDirectory(directory) && readdirSync(directory).length === 0;
}

/** True for the names that writeFileAtomic gives to its unfinished files. */
function isTemporary(name: string): boolean {
  return /^(index\.json|oci-layout)\.[0-9a-f]+\.tmp$/.test(name);
}

function isOwnDirectory(path: string): boolean {
  const stat = lstatSync(path);
  return stat.isDirectory() && stat.uid === process.geteuid?.();
}
