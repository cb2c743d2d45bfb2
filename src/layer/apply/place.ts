import type { ByteString } from '../../system/bytes.js';
import { pathMax } from '../../system/path-limits.js';
import { baseName, lexicalPath, parentOf } from '../../system/paths.js';
import { opaqueName, whiteoutPrefix } from '../overlay-marks.js';
import type { TarEntry } from '../types.js';
import { BadEntry, tooLong } from './errors.js';

const metadataPrefix = '.wh..wh.';

/** What an entry stands for, by its name. Paths are clean: `.` is the root, `..` is resolved and never leads above it. */
export type Place =
  | { is: 'root' }
  | { is: 'file'; path: ByteString }
  /** hides `name` of the layers below in the directory `dir` */
  | { is: 'whiteout'; dir: ByteString; name: ByteString }
  /** hides everything of the layers below in the directory `dir` */
  | { is: 'opaque'; dir: ByteString }
  | { is: 'ignored' };

const root: Place = { is: 'root' };
const ignored: Place = { is: 'ignored' };

/**
 * Reads the name of an entry: image-spec layer.md, "Whiteouts" and "Opaque Whiteout".
 *
 * @throws BadEntry for a name that a layer must not have
 */
export function placeOf({ name, type }: Pick<TarEntry, 'name' | 'type'>): Place {
  const path = lexicalPath(name);
  if (path === '') {
    // CVE-2021-29136: an entry may change the root's metadata, but not replace the root
    if (type !== 'directory') throw new BadEntry('the root can only be a directory');
    return root;
  }
  const whiteout = path.includes(whiteoutPrefix) ? whiteoutAt(parentOf(path), baseName(path)) : null;
  // the name of a whiteout is longer than that of the file that it hides
  const longest = whiteout === null ? pathMax : pathMax + whiteoutPrefix.length;
  if (path.length >= longest) throw new BadEntry(tooLong);
  return whiteout ?? { is: 'file', path };
}

/** @returns null if the path is that of an ordinary file */
function whiteoutAt(dir: ByteString, base: ByteString): Place | null {
  const parents = dir.split('/');
  // aufs kept internal files under such names, and Docker put them into layers
  if (parents.some((part) => part.startsWith(metadataPrefix))) return ignored;
  if (parents.some((part) => part.startsWith(whiteoutPrefix))) throw new BadEntry('is below a whiteout');
  if (!base.startsWith(whiteoutPrefix)) return null;
  if (base === opaqueName) return { is: 'opaque', dir };
  return base.startsWith(metadataPrefix) ? ignored : { is: 'whiteout', dir, name: hiddenName(base) };
}

function hiddenName(base: ByteString): ByteString {
  const name = base.slice(whiteoutPrefix.length);
  if (name === '' || name === '.' || name === '..') throw new BadEntry('is a whiteout without a name');
  return name;
}

/** Returns the clean path that a hardlink leads to. @throws BadEntry */
export function hardlinkTarget(linkname: ByteString): ByteString {
  const path = lexicalPath(linkname);
  if (path === '') throw new BadEntry('is a hardlink to the root directory');
  return path;
}

/** @throws BadEntry if a symlink has no target */
export function checkSymlink({ linkname }: Pick<TarEntry, 'linkname'>): void {
  if (linkname === '') throw new BadEntry('is a symlink to nothing');
}
