import type { ByteString } from './bytes.js';
import type { MountInfo } from './mountinfo.js';

/** The directories of an overlay; mount(8), "Mount options for overlay". Paths are absolute. */
export interface OverlayDirs {
  /** highest first */
  lowerdirs: ByteString[];
  /** undefined: the overlay is read-only */
  upperdir?: ByteString | undefined;
  /** an empty directory on the filesystem of the upperdir */
  workdir?: ByteString | undefined;
}

/** Escapes a path for `lowerdir=`, `upperdir=` and `workdir=`: puts a backslash before `\`, `:` and `,`. */
export function escapeOverlayPath(path: ByteString): ByteString {
  return path.replace(/[\\:,]/g, '\\$&');
}

/** Returns the value of `lowerdir=` for `lowerdirs`, highest first. */
export function joinLowerdirs(lowerdirs: ByteString[]): ByteString {
  return lowerdirs.map(escapeOverlayPath).join(':');
}

/** Returns the paths in the value of `lowerdir=`, highest first, without data-only layers (after `::`). */
export function splitLowerdirs(value: ByteString): ByteString[] {
  const tokens: string[] = value.match(/(?:\\[\s\S]|[^:\\])+|:+/g) ?? [];
  const data = tokens.indexOf('::');
  const layers = data < 0 ? tokens : tokens.slice(0, data);
  return layers.filter((token) => !token.startsWith(':')).map(unescapeOverlayPath);
}

/** Returns the path in the value of `upperdir=` or `workdir=`. */
export function unescapeOverlayPath(value: ByteString): ByteString {
  return value.replace(/\\([\s\S])/g, '$1');
}

/** Returns the directories of a mounted overlay, as the kernel or fuse-overlayfs reports them. */
export function overlayDirsOf({ superOptions }: MountInfo): OverlayDirs {
  const dirs: OverlayDirs = { lowerdirs: [] };
  for (const [name, value] of superOptions) {
    if (name === 'lowerdir') dirs.lowerdirs.push(...splitLowerdirs(value));
    else if (name === 'lowerdir+') dirs.lowerdirs.push(value);
    else if (name === 'upperdir' || name === 'workdir') dirs[name] = unescapeOverlayPath(value);
  }
  return dirs;
}
