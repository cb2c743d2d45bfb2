import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import type { IdRange, MapOptions, TarEntry } from '../types.js';

/** 2^32-1 means "as it is" to chown(2), so that it can be nobody's id. */
const MAX_ID = 0xfffffffe;
/** In `user.rootlesscontainers`: this id is as it is on disk. */
const UNSET = 0xffffffff;

/**
 * The id on disk of an id in a layer.
 *
 * @param path only for the error
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

/** Owners of what a layer holds, on disk. */
export class Owners {
  readonly #map: MapOptions;

  constructor(map: MapOptions) {
    this.#map = map;
  }

  /** whether owners are set at all */
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
 * The value of `user.rootlesscontainers` for an owner that cannot be set, or undefined for root, which needs none:
 * a protobuf message with two varints, field 1 the uid, field 2 the gid. rootlesscontainers.rs, "Resource".
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
