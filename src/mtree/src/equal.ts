import { keywordPrefix } from './keywords.js';
import { parseMode } from './mode.js';
import { unvis } from './vis.js';

/**
 * True if two values of a keyword have the same meaning: `mode=755` and `mode=0755`, digests in upper and lower case,
 * names in different styles of vis(3), `time=1.5` and `time=1.000000005` (in mtree(5) the digits are nanoseconds).
 *
 * @param name canonical keyword
 * @throws MtreeError BAD_ESCAPE
 */
export function sameValue(name: string, one: string, other: string): boolean {
  if (one === other) return true;
  const normalise = normalisers.get(keywordPrefix(name));
  return normalise !== undefined && normalise(one) === normalise(other);
}

/** Returns the `tar_time` for a `time`: its seconds. */
export function toTarTime(time: string): string {
  return `${time.split('.')[0]}.000000000`;
}

const number = (value: string) => (/^\d+$/.test(value) ? String(BigInt(value)) : value);
const hex = (value: string) => value.toLowerCase();
const name = (value: string) => unvis(value);

function mode(value: string): string {
  return String(parseMode(value) ?? value);
}

function time(value: string): string {
  const match = /^(-?\d+)(?:\.(\d+))?$/.exec(value);
  return match ? `${BigInt(match[1]!)}.${BigInt(match[2] ?? 0)}` : value;
}

/** Normalises a list of BSD file flags; `none` and an empty list are the same. */
function flags(value: string): string {
  const list = value.split(',').filter((flag) => flag !== '' && flag !== 'none' && flag !== '-');
  return list.sort().join(',');
}

/** Normalises a device number: `native,8,1`, `linux,8,1`, or a plain number as in NetBSD (`0x801`). */
function device(value: string): string {
  const match = /^(?:native|linux|netbsd|freebsd),(\d+|0x[0-9a-f]+),(\d+|0x[0-9a-f]+)$/i.exec(value);
  if (match) return `${Number(match[1])},${Number(match[2])}`;
  if (!/^(?:\d+|0x[0-9a-f]+)$/i.test(value)) return value;
  const bits = Number(value);
  return `${(bits >>> 8) & 0xfff},${(bits & 0xff) | ((bits >>> 12) & 0xfff00)}`;
}

const normalisers: ReadonlyMap<string, (value: string) => string> = new Map([
  ['cksum', number],
  ['device', device],
  ['flags', flags],
  ['gid', number],
  ['gname', name],
  ['inode', number],
  ['link', name],
  ['md5digest', hex],
  ['mode', mode],
  ['nlink', number],
  ['resdevice', device],
  ['ripemd160digest', hex],
  ['sha1digest', hex],
  ['sha256digest', hex],
  ['sha384digest', hex],
  ['sha512digest', hex],
  ['sha512256digest', hex],
  ['size', number],
  ['tar_time', time],
  ['time', time],
  ['uid', number],
  ['uname', name],
]);
