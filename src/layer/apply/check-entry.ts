import type { ByteString } from '../../system/bytes.js';
import { childOf } from '../../system/paths.js';
import type { TarReader } from '../tar/index.js';
import type { CheckedEntry, TarEntry } from '../types.js';
import { BadEntry } from './errors.js';
import { checkSymlink, hardlinkTarget, placeOf } from './place.js';

const NAME_MAX = 255;
const PATH_MAX = 4096;

/**
 * Checks the current entry of a reader as extraction does, including what the kernel would refuse there.
 *
 * @returns null for an entry that extraction ignores
 * @throws BadEntry
 */
export function checkEntry(entry: TarEntry, reader: TarReader): CheckedEntry | null {
  const place = placeOf(entry);
  const { name: _, ...fields } = entry;
  const checked = {
    ...{ ...fields, offset: reader.position, stored: reader.stored },
    sparse: reader.sparseMap ?? null,
  };
  switch (place.is) {
    case 'ignored':
      return null;
    case 'root':
      return { ...checked, path: '.' };
    case 'opaque':
      return { ...checked, path: checkPath(place.dir), type: 'opaque' };
    case 'whiteout':
      return { ...checked, path: checkPath(childOf(place.dir, place.name)), type: 'whiteout' };
    case 'file':
      checkDevice(entry);
      return { ...checked, path: checkPath(place.path), linkname: linkOf(entry) };
  }
}

function linkOf(entry: TarEntry): ByteString {
  const { type, linkname } = entry;
  if (type === 'hardlink') return checkPath(hardlinkTarget(linkname));
  if (type !== 'symlink') return '';
  checkSymlink(entry);
  if (linkname.length >= PATH_MAX) throw new BadEntry('its name is too long');
  return linkname;
}

function checkPath(path: ByteString): ByteString {
  const isTooLong = path.length > NAME_MAX && path.split('/').some((name) => name.length > NAME_MAX);
  if (isTooLong) throw new BadEntry('its name is too long');
  return path;
}

/** Linux has 12 bits for a major and 20 bits for a minor device number. */
function checkDevice({ devMajor, devMinor }: TarEntry): void {
  if (devMajor <= 0xfff && devMinor <= 0xfffff) return;
  throw new BadEntry('Linux cannot represent its name, link target or device number');
}
