import { rootlessOwner } from '../layer/apply/owners.js';
import { isHostXattr } from '../layer/host-xattrs.js';
import { escapeXattr } from '../layer/overlay-marks.js';
import type { CheckedEntry } from '../layer/types.js';
import { type ByteString, showBytes } from '../system/bytes.js';
import { S } from '../system/files.js';
import { isXattrSupported } from './xattrs.js';

const rootlessXattr = 'user.rootlesscontainers';

/**
 * Returns the extended attributes that an image holds for an entry. User attributes of links, FIFOs and devices are left out:
 * Linux lists but never reads them (xattr(7)), so a repack would see a change.
 *
 * @param mode with the type that the file has in the image
 * @param rootless true: `user.rootlesscontainers` holds the owner
 * @param warn gets each attribute that is left out, and its kind
 */
export function keptXattrs(
  entry: CheckedEntry,
  mode: number,
  rootless: boolean,
  warn: (kind: string, message: string) => void,
): ReadonlyMap<ByteString, Buffer> {
  const owner = rootless ? rootlessOwner(entry.uid, entry.gid) : undefined;
  if (entry.xattrs.size === 0 && owner === undefined) return entry.xattrs;
  const kept = new Map<ByteString, Buffer>();
  const keep = (name: ByteString, value: Buffer) => {
    const what = `${showBytes(entry.path)}: ${showBytes(name)} is not set`;
    if (isHostXattr(name)) warn(name, `${what}, because it belongs to the host`);
    else if (!isXattrSupported(name)) warn(name, `${what}: EROFS cannot hold it`);
    else if (name.startsWith('user.') && !hasUserXattrs(mode))
      warn('user', `${what}, because Linux allows user attributes of files and directories only`);
    else kept.set(escapeXattr(name, 'trusted'), value);
  };
  for (const [name, value] of entry.xattrs) keep(name, value);
  if (owner !== undefined) keep(rootlessXattr, owner);
  return kept;
}

function hasUserXattrs(mode: number): boolean {
  const type = mode & S.IFMT;
  return type === S.IFREG || type === S.IFDIR;
}
