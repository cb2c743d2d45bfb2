import { type ByteString, fromText } from '../system/bytes.js';
import { MS } from '../system/mount.js';
import {
  escapeOverlayPath,
  joinLowerdirs,
  type OverlayDirs,
  splitLowerdirs,
  unescapeOverlayPath,
} from '../system/overlay-options.js';

/** One mount(8), as containerd's `mount.Mount`. Lists of mounts are in the order of mounting. */
export interface Mount {
  type: 'overlay' | 'bind';
  source: string;
  /** path below the mount point; '' for the mount point itself */
  target: string;
  options: string[];
}

/** The parsed options of a {@link Mount}. Paths are bytes. */
export interface MountRequest extends OverlayDirs {
  type: Mount['type'];
  source: ByteString;
  flags: number;
  recursive: boolean;
  /** options for the filesystem, unchanged: neither flags nor directories */
  options: string[];
}

const flagBits: Readonly<Record<string, number>> = {
  ro: MS.RDONLY,
  nosuid: MS.NOSUID,
  nodev: MS.NODEV,
  noexec: MS.NOEXEC,
};
/** defaults of a mount, and `bind`, which its type already says */
const defaults = ['rw', 'suid', 'dev', 'exec', 'bind'];

/** Parses the options of a mount as containerd writes them, with overlay directories escaped for mount(8). */
export function readMountOptions({ type, source, options }: Mount): MountRequest {
  const request: MountRequest = {
    type,
    source: fromText(source),
    flags: 0,
    recursive: false,
    options: [],
    lowerdirs: [],
  };
  for (const option of options) {
    const [, name = option, value] = /^(lowerdir|upperdir|workdir)=([\s\S]*)$/.exec(option) ?? [];
    if (value !== undefined) {
      if (name === 'lowerdir') request.lowerdirs = splitLowerdirs(fromText(value));
      else request[name as 'upperdir' | 'workdir'] = unescapeOverlayPath(fromText(value));
    } else if (name === 'rbind') request.recursive = true;
    else if (flagBits[name] !== undefined) request.flags |= flagBits[name];
    else if (!defaults.includes(name)) request.options.push(option);
  }
  return request;
}

/**
 * Returns the options of an overlay's {@link Mount}, for mount(8), containerd and `readMountOptions`.
 *
 * @param dirs paths as text; lowerdirs highest first
 */
export function overlayOptions(dirs: OverlayDirs): string[] {
  const options: string[] = [];
  for (const name of ['workdir', 'upperdir'] as const) {
    const path = dirs[name];
    if (path !== undefined) options.push(`${name}=${escapeOverlayPath(path)}`);
  }
  return [...options, `lowerdir=${joinLowerdirs(dirs.lowerdirs)}`];
}
