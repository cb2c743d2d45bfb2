import type { ByteString } from './bytes.js';
import type { MountInfo } from './mountinfo.js';

/** What an overlay is made of; mount(8), "Mount options for overlay". Paths are absolute. */
export interface OverlayDirs {
  /** highest first */
  lowerdirs: ByteString[];
  /** none: read-only */
  upperdir?: ByteString | undefined;
  /** an empty directory on upperdir's filesystem */
  workdir?: ByteString | undefined;
}

/** A path as overlayfs reads it in `lowerdir=`, `upperdir=` and `workdir=`: with a backslash before `\`, `:`, `,`. */
export function escapeOverlayPath(path: ByteString): ByteString {
  return path.replace(/[\\:,]/g, '\\$&');
}

/** The option that names `lowerdirs`, highest first. */
export function joinLowerdirs(lowerdirs: ByteString[]): ByteString {
  return lowerdirs.map(escapeOverlayPath).join(':');
}

/** The paths that the value of a `lowerdir=` names, highest first; data-only layers (behind `::`) are left out. */
export function splitLowerdirs(value: ByteString): ByteString[] {
  const tokens: string[] = value.match(/(?:\\[\s\S]|[^:\\])+|:+/g) ?? [];
  const data = tokens.indexOf('::');
  const layers = data < 0 ? tokens : tokens.slice(0, data);
  return layers.filter((token) => !token.startsWith(':')).map(unescapeOverlayPath);
}

/** The path that the value of an `upperdir=` or `workdir=` names. */
export function unescapeOverlayPath(value: ByteString): ByteString {
  return value.replace(/\\([\s\S])/g, '$1');
}

/** What an overlay that is mounted is made of, as the kernel or fuse-overlayfs says. */
export function overlayDirsOf({ superOptions }: MountInfo): OverlayDirs {
  const dirs: OverlayDirs = { lowerdirs: [] };
  for (const [name, value] of superOptions) {
    if (name === 'lowerdir') dirs.lowerdirs.push(...splitLowerdirs(value));
    else if (name === 'lowerdir+') dirs.lowerdirs.push(value);
    else if (name === 'upperdir' || name === 'workdir') dirs[name] = unescapeOverlayPath(value);
  }
  return dirs;
}
