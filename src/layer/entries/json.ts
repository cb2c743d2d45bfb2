import { decodeName, type EncodedName, encodeName } from '../../text/json-names.js';
import type { CheckedEntry, Time } from '../types.js';

/** An extended attribute in JSON. */
export interface XattrJson extends EncodedName<'name'> {
  valueBase64: string;
}

/** An entry of a layer in JSON: docs/hook-protocol.md, "Entries". A whiteout and an opaque marker have a path and a type only. */
export interface EntryJson
  extends EncodedName<'path'>,
    EncodedName<'link'>,
    EncodedName<'uname'>,
    EncodedName<'gname'> {
  type: CheckedEntry['type'];
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: Time;
  /** of a file: bytes of its content */
  size?: number;
  /** of a file: where its content is in the uncompressed tar, and how many bytes the tar has of it */
  offset?: number;
  stored?: number;
  /** of a sparse file: the stretches with data */
  sparse?: NonNullable<CheckedEntry['sparse']>;
  /** of a device: major and minor number */
  device?: [major: number, minor: number];
  xattrs?: XattrJson[];
}

/** Returns an entry as a line of JSON, without what its type lacks: docs/hook-protocol.md, "Entries". */
export function encodeEntry(entry: CheckedEntry): string {
  return JSON.stringify(entryJson(entry));
}

/** Returns the object of {@link encodeEntry}. */
export function entryJson(entry: CheckedEntry): EntryJson {
  const { path, type } = entry;
  if (type === 'whiteout' || type === 'opaque') return { ...encodeName('path', path), type };
  const { mode, uid, gid, uname, gname, mtime, size, offset, stored, sparse, xattrs } = entry;
  return {
    ...encodeName('path', path),
    ...{ type, mode, uid, gid },
    ...(uname && encodeName('uname', uname)),
    ...(gname && encodeName('gname', gname)),
    mtime,
    ...(type === 'file' && { size, offset, stored }),
    ...(sparse && { sparse }),
    ...((type === 'symlink' || type === 'hardlink') && encodeName('link', entry.linkname)),
    ...((type === 'char' || type === 'block') && { device: [entry.devMajor, entry.devMinor] }),
    ...(xattrs.size > 0 && { xattrs: xattrsJson(xattrs) }),
  };
}

/** Returns xattrs as entries have them in JSON. */
export function xattrsJson(xattrs: CheckedEntry['xattrs']): XattrJson[] {
  return Array.from(xattrs, ([name, value]) => ({
    ...encodeName('name', name),
    valueBase64: value.toString('base64'),
  }));
}

const noXattrs: CheckedEntry['xattrs'] = new Map();

/** Returns the entry of a line that {@link encodeEntry} has made. */
export function decodeEntry(line: string): CheckedEntry {
  const json = JSON.parse(line);
  const [devMajor = 0, devMinor = 0] = json.device ?? [];
  const { type, mode = 0, uid = 0, gid = 0, mtime = { sec: 0, nsec: 0 } } = json;
  const { size = 0, offset = 0, stored = 0, sparse = null } = json;
  return {
    ...{ path: decodeName('path', json), type, size, mode, uid, gid, mtime, offset, stored, sparse },
    uname: decodeName('uname', json),
    gname: decodeName('gname', json),
    linkname: decodeName('link', json),
    ...{ devMajor, devMinor },
    xattrs: json.xattrs === undefined ? noXattrs : new Map(json.xattrs.map(decodeXattr)),
  };
}

const ends = ['whiteout', 'opaque'].map((type) => `"type":"${type}"}`);

/** True for the line of a whiteout or opaque marker. Only these lines end with a type: names are quoted, with quotes escaped. */
export function isWhiteout(line: string): boolean {
  return ends.some((end) => line.endsWith(end));
}

function decodeXattr(json: Record<string, string>): [string, Buffer] {
  return [decodeName('name', json), Buffer.from(json.valueBase64 ?? '', 'base64')];
}
