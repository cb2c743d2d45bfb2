import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { type Logger, silentLogger } from '../../system/logger.js';
import type { StatBuffer } from '../../system/stat.js';
import { deviceFits } from '../../tar/writer.js';
import { isHostXattr } from '../host-xattrs.js';
import type { MapOptions, TarEntry, Time } from '../types.js';
import { layerOwner, rootlessXattr } from './owner.js';
import { type RootfsReader, typeOf } from './rootfs.js';
import { portableXattr, xattrProblem } from './xattrs.js';

/** How files on disk become entries of a layer. */
export interface EntryOptions {
  map: MapOptions;
  /** seconds since the epoch; replaces all later times; reproducible-builds.org, SOURCE_DATE_EPOCH */
  sourceDateEpoch?: number | undefined;
  /** keep fractions of seconds, in PAX headers. Default: false, as in umoci, because some readers fail on them */
  subsecond?: boolean | undefined;
  /** owner of all entries; without a uid or gid, files keep their own */
  owner?: { uid?: number | undefined; gid?: number | undefined } | undefined;
  /** maps the name of an xattr to its name in the tar, null to leave it out; default: unchanged */
  xattrName?: ((name: ByteString) => ByteString | null) | undefined;
  log?: Logger | undefined;
}

/**
 * Creates the tar entry of a file in the rootfs.
 *
 * @param xattrs from disk
 * @throws LayerhookError FILE_CHANGED, ID_UNMAPPED, LAYER_PATH for a device whose number no tar can hold, SYSTEM
 */
export function readEntry(
  reader: RootfsReader,
  path: ByteString,
  stat: StatBuffer,
  xattrs: ReadonlyMap<ByteString, Buffer>,
  options: EntryOptions,
): TarEntry {
  const type = typeOf(stat);
  if (type === 'socket') throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
  if (!deviceFits(stat.rdevMajor, stat.rdevMinor)) throw unfitDevice(path, stat);
  return {
    name: path,
    type,
    size: type === 'file' ? stat.size : 0,
    mode: stat.mode,
    ...ownerOf(path, stat, xattrs, options),
    uname: '',
    gname: '',
    mtime: layerTime(stat, options),
    linkname: type === 'symlink' ? reader.readlink(path) : '',
    devMajor: stat.rdevMajor,
    devMinor: stat.rdevMinor,
    xattrs: layerXattrs(path, xattrs, options),
  };
}

function ownerOf(
  path: ByteString,
  stat: StatBuffer,
  xattrs: ReadonlyMap<ByteString, Buffer>,
  { map, owner }: EntryOptions,
): { uid: number; gid: number } {
  const { uid, gid } = owner ?? {};
  if (uid !== undefined && gid !== undefined) return { uid, gid };
  const own = layerOwner(path, stat, map, xattrs.get(rootlessXattr));
  return { uid: uid ?? own.uid, gid: gid ?? own.gid };
}

function layerTime(
  { mtimeSec: sec, mtimeNsec }: StatBuffer,
  { sourceDateEpoch, subsecond }: EntryOptions,
): Time {
  return earlierTime({ sec, nsec: subsecond ? mtimeNsec : 0 }, sourceDateEpoch);
}

/** Returns the time, or SOURCE_DATE_EPOCH if that is earlier. @param sourceDateEpoch seconds since the epoch */
export function earlierTime(time: Time, sourceDateEpoch: number | undefined): Time {
  if (sourceDateEpoch === undefined || time.sec < sourceDateEpoch) return time;
  return { sec: sourceDateEpoch, nsec: 0 };
}

function layerXattrs(
  path: ByteString,
  onDisk: ReadonlyMap<ByteString, Buffer>,
  { map, xattrName, log = silentLogger }: EntryOptions,
): Map<ByteString, Buffer> {
  const kept = new Map<ByteString, Buffer>();
  for (const [diskName, value] of onDisk) {
    const name = xattrName === undefined ? diskName : xattrName(diskName);
    if (name === null || isHostXattr(name) || (map.rootless && name === rootlessXattr)) continue;
    const problem = xattrProblem(name, value);
    if (problem === undefined) kept.set(name, portableXattr(name, value));
    else
      log.warn(`left out an extended attribute: ${problem}`, {
        path: showBytes(path),
        name: showBytes(name),
      });
  }
  return kept;
}

function unfitDevice(path: ByteString, { rdevMajor, rdevMinor }: StatBuffer): LayerhookError {
  return new LayerhookError('LAYER_PATH', {
    path: showBytes(path),
    reason: `tar headers cannot hold its device number ${rdevMajor}:${rdevMinor}`,
  });
}
