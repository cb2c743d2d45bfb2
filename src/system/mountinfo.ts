import { readFileSync } from 'node:fs';
import type { ByteString } from './bytes.js';

/** One mount as the kernel describes it: a line of /proc/self/mountinfo; proc_pid_mountinfo(5). */
export interface MountInfo {
  id: number;
  /** id of the mount that it is on */
  parent: number;
  /** device number, `MAJOR:MINOR` */
  device: string;
  /** the directory of the filesystem that is mounted */
  root: ByteString;
  mountPoint: ByteString;
  /** of this mount: `ro`, `nosuid`, ... */
  options: string[];
  /** filesystem type, such as `overlay`, `fuse.fuse-overlayfs` */
  type: string;
  source: ByteString;
  /** of the filesystem: name and value, or '' */
  superOptions: [name: string, value: ByteString][];
}

/**
 * All mounts of this process's namespace, in the order in which they were made.
 *
 * @throws as node:fs, where /proc is not mounted
 */
export function readMountInfo(): MountInfo[] {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  return lines.filter((line) => line !== '').map(parseMountInfo);
}

/** One line of mountinfo. */
export function parseMountInfo(line: string): MountInfo {
  const fields = line.split(' ');
  // optional fields end with a lone dash
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

/** The mount that is seen at `path` (absolute, without symlinks), or undefined if nothing is mounted there. */
export function findMount(path: ByteString, mounts: MountInfo[] = readMountInfo()): MountInfo | undefined {
  return mounts.findLast((mount) => mount.mountPoint === path);
}

/** The mounts at `path` and below it, in the order in which they were made. */
export function mountsBelow(path: ByteString, mounts: MountInfo[] = readMountInfo()): MountInfo[] {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  return mounts.filter(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(prefix));
}

function parseOption(option: string): [string, ByteString] {
  const equals = option.indexOf('=');
  return equals < 0 ? [decode(option), ''] : [option.slice(0, equals), decode(option.slice(equals + 1))];
}

/** Octal escapes of what would end a field: space, tab, newline, backslash, and in options comma and `=`. */
function decode(field: string): ByteString {
  return field.includes('\\')
    ? field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    : field;
}
