import { readFileSync } from 'node:fs';
import type { ByteString } from './bytes.js';

/** One mount as the kernel describes it: a line of /proc/self/mountinfo; proc_pid_mountinfo(5). */
export interface MountInfo {
  id: number;
  /** id of the mount that contains this mount point */
  parent: number;
  /** device number, `MAJOR:MINOR` */
  device: string;
  /** the directory of the filesystem that is visible at the mount point */
  root: ByteString;
  mountPoint: ByteString;
  /** options of this mount, such as `ro` or `nosuid` */
  options: string[];
  /** filesystem type, such as `overlay`, `fuse.fuse-overlayfs` */
  type: string;
  source: ByteString;
  /** options of the filesystem; an option without a value has '' */
  superOptions: [name: string, value: ByteString][];
}

/**
 * Returns all mounts in this process's namespace, oldest first.
 *
 * @throws errors of node:fs if /proc is not mounted
 */
export function readMountInfo(): MountInfo[] {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  return lines.filter((line) => line !== '').map(parseMountInfo);
}

/** Parses one line of mountinfo. */
export function parseMountInfo(line: string): MountInfo {
  const fields = line.split(' ');
  // a dash ends the optional fields
  const dash = fields.indexOf('-', 6);
  const field = (index: number) => fields[index] ?? '';
  return {
    id: Number(field(0)),
    parent: Number(field(1)),
    device: field(2),
    root: decode(field(3)),
    mountPoint: decode(field(4)),
    options: field(5).split(','),
    type: decode(field(dash + 1)),
    source: decode(field(dash + 2)),
    superOptions: field(dash + 3)
      .split(',')
      .map(parseOption),
  };
}

/** Returns the visible mount at `path` (absolute, without symlinks), or undefined if `path` is not a mount point. */
export function findMount(path: ByteString, mounts: MountInfo[] = readMountInfo()): MountInfo | undefined {
  return mounts.findLast((mount) => mount.mountPoint === path);
}

/** Returns the mounts at `path` and below it, oldest first. */
export function mountsBelow(path: ByteString, mounts: MountInfo[] = readMountInfo()): MountInfo[] {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  return mounts.filter(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(prefix));
}

function parseOption(option: string): [string, ByteString] {
  const equals = option.indexOf('=');
  return equals < 0 ? [decode(option), ''] : [option.slice(0, equals), decode(option.slice(equals + 1))];
}

/** Decodes octal escapes: space, tab, newline and backslash, in options also comma and `=`. */
function decode(field: string): ByteString {
  return field.includes('\\')
    ? field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    : field;
}
