import { type HoleBudget, holeBudget, type MapOptions } from 'layerhook';
import type { ByteString } from 'layerhook/system';
import { isMark, type OverlayFormat } from '../marks.js';

/** Owners in archives are those on disk. */
export const unmapped: MapOptions = { uidMappings: [], gidMappings: [], rootless: false };

/** How many holes of sparse files an archive has as zeros. */
export function archivedHoles(): HoleBudget {
  return holeBudget(undefined, 'which the method copy does not have');
}

/** Reads `UID`, `UID:GID` or nothing. */
export function ownerOf(owner: string): { uid?: number; gid?: number } | undefined {
  if (owner === '') return undefined;
  const [uid, gid] = owner.split(':').map(Number);
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}

/** The names of extended attributes as they are seen through the mount: overlayfs hides its own, and unescapes others. */
export function visibleXattr(format: OverlayFormat): (name: ByteString) => ByteString | null {
  const escaped = format === 'fuse' ? null : `${format}.overlay.overlay.`;
  return (name) => {
    if (isMark(name, format)) return null;
    if (escaped === null || !name.startsWith(escaped)) return name;
    return `${format}.overlay.${name.slice(escaped.length)}`;
  };
}
