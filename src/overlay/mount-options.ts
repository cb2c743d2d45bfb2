import { type ByteString, fromText } from '../system/bytes.js';
import { MS } from '../system/mount.js';
import {
  escapeOverlayPath,
  joinLowerdirs,
  type OverlayDirs,
  splitLowerdirs,
  unescapeOverlayPath,
} from '../system/overlay-options.js';

/** One mount(8): containerd's `mount.Mount`, in the order in which they are to be done. */
export interface Mount {
  type: 'overlay' | 'bind';
  source: string;
  /** path below the place where it is mounted; '' for that place itself */
  target: string;
  options: string[];
}

/** What the options of a {@link Mount} say, taken apart. Paths are bytes. */
export interface MountRequest extends OverlayDirs {
  type: Mount['type'];
  source: ByteString;
  flags: number;
  recursive: boolean;
  /** what is neither a flag nor a directory: as it is, for the filesystem */
  options: string[];
}

const flagBits: Readonly<Record<string, number>> = {
  ro: MS.RDONLY,
  nosuid: MS.NOSUID,
  nodev: MS.NODEV,
  noexec: MS.NOEXEC,
};
/** what a mount is anyway, and `bind`, which its type says */
const defaults = ['rw', 'suid', 'dev', 'exec', 'bind'];

/** Reads the options of a mount as containerd writes them, with the directories of an overlay escaped as for mount(8). */
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
 * The options of an overlay's {@link Mount}, for mount(8), containerd and {@link readMountOptions} alike.
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
