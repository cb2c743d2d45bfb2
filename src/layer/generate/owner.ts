import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import type { IdRange, MapOptions } from '../types.js';

/** The xattr in which unprivileged tools store owners that they cannot set; rootlesscontainers.rs, "Resource". */
export const rootlessXattr = 'user.rootlesscontainers';

/** In that xattr, means that the id on disk is right. */
const unset = 0xffffffff;

interface Owner {
  uid: number;
  gid: number;
}

/**
 * Returns the owner in the layer of a file on disk.
 *
 * Without privileges all files belong to the user. They get the owner from `user.rootlesscontainers`, by default root.
 *
 * @param rootless the file's value of that xattr, if it has one
 * @throws LayerhookError ID_UNMAPPED
 */
export function layerOwner(path: ByteString, disk: Owner, map: MapOptions, rootless?: Buffer): Owner {
  if (!map.rootless) {
    return {
      uid: containerID(disk.uid, map.uidMappings, path, 'uid'),
      gid: containerID(disk.gid, map.gidMappings, path, 'gid'),
    };
  }
  const recorded = rootless === undefined ? { uid: unset, gid: unset } : decodeOwner(rootless);
  return { uid: recorded.uid === unset ? 0 : recorded.uid, gid: recorded.gid === unset ? 0 : recorded.gid };
}

function containerID(id: number, ranges: IdRange[], path: ByteString, kind: string): number {
  if (ranges.length === 0) return id;
  const range = ranges.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  if (range === undefined) throw new LayerhookError('ID_UNMAPPED', { path: showBytes(path), kind, id });
  return range.containerID + (id - range.hostID);
}

/** Decodes a protobuf message with two varints: field 1 is the uid, field 2 the gid. Skips other fields. */
function decodeOwner(message: Buffer): Owner {
  const fields = [0, 0, 0];
  let offset = 0;
  while (offset < message.length) {
    const tag = varint();
    if ((tag & 7) !== 0) break;
    fields[tag >>> 3] = varint();
  }
  return { uid: fields[1] ?? 0, gid: fields[2] ?? 0 };

  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35 && offset < message.length; shift += 7) {
      const byte = message[offset++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value >>> 0;
  }
}
