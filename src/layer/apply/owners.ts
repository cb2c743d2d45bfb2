import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import type { IdRange, MapOptions, TarEntry } from '../types.js';

/** The largest valid id: 2^32-1 means "unchanged" to chown(2). */
const MAX_ID = 0xfffffffe;
/** In `user.rootlesscontainers`, means that the id on disk is right. */
const UNSET = 0xffffffff;

/**
 * Maps an id in a layer to the id on disk.
 *
 * @param path for the error
 * @throws LayerhookError ID_UNMAPPED
 */
export function hostID(id: number, ranges: IdRange[], kind: 'uid' | 'gid', path: ByteString): number {
  if (ranges.length === 0 && id <= MAX_ID) return id;
  for (const { containerID, hostID, size } of ranges) {
    if (id >= containerID && id < containerID + size && hostID + id - containerID <= MAX_ID) {
      return hostID + id - containerID;
    }
  }
  throw new LayerhookError('ID_UNMAPPED', { path: showBytes(path), kind, id });
}

/** Maps owners in a layer to owners on disk. */
export class Owners {
  readonly #map: MapOptions;

  constructor(map: MapOptions) {
    this.#map = map;
  }

  /** true if this process can set owners */
  get settable(): boolean {
    return !this.#map.rootless;
  }

  uid(entry: Pick<TarEntry, 'uid' | 'name'>): number {
    return hostID(entry.uid, this.#map.uidMappings, 'uid', entry.name);
  }

  gid(entry: Pick<TarEntry, 'gid' | 'name'>): number {
    return hostID(entry.gid, this.#map.gidMappings, 'gid', entry.name);
  }
}

/**
 * Encodes the value of `user.rootlesscontainers` for an owner that cannot be set; undefined for root, the default
 * owner. The value is a protobuf message with two varints, field 1 the uid, field 2 the gid; rootlesscontainers.rs,
 * "Resource".
 */
export function rootlessOwner(uid: number, gid: number): Buffer | undefined {
  if (uid === 0 && gid === 0) return undefined;
  return Buffer.from([8, ...varint(uid || UNSET), 16, ...varint(gid || UNSET)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
