import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { LayerhookError, readRegularFile, writeFileAtomic } from 'layerhook';

/** The snapshots of a bundle, from the file `layerhook.overlay` beside its rootfs. */
export interface OverlayBundle {
  /** key of the active snapshot that is mounted at rootfs */
  key: string;
  /** the old or the new snapshot of an unfinished refresh, which does not count */
  other?: string;
}

/** The content of the file. During a refresh, only umoci.json decides which snapshot counts. */
interface Stored {
  key: string;
  /** the snapshot that counts once umoci.json names this manifest */
  next?: { key: string; manifest: string };
}

const maxBytes = 4 << 20;
const maxPathInKey = 1024;

/** Returns a new key for a snapshot of a bundle. @param bundle its path */
export function newKey(bundle: string): string {
  // the names of snapshots are limited to 1900 bytes; a path may have 4095, and is recorded in a label
  const path = Buffer.byteLength(bundle) <= maxPathInKey ? bundle : '…';
  return `bundle:${path}#${randomBytes(6).toString('hex')}`;
}

/** Records the snapshots of a bundle. @param rootfs the bundle's rootfs, which may be in a staging directory */
export function writeBundle(rootfs: string, stored: Stored): void {
  writeFileAtomic(fileOf(rootfs), `${JSON.stringify(stored)}\n`);
}

/**
 * Reads the snapshots of a bundle.
 *
 * @returns null if the file is missing: the bundle was never assembled
 * @throws LayerhookError BUNDLE_INVALID
 */
export function readBundle(rootfs: string): OverlayBundle | null {
  const text = readRegularFile(fileOf(rootfs), { maxBytes });
  if (text === undefined) return null;
  const { key, next } = parse(text.toString()) ?? {};
  if (typeof key !== 'string' || (next !== undefined && typeof next?.key !== 'string')) {
    throw invalid(rootfs, 'layerhook.overlay names no snapshot');
  }
  if (next === undefined) return { key };
  return next.manifest === manifestOf(rootfs) ? { key: next.key, other: key } : { key, other: next.key };
}

/** Returns the digest of the manifest that the bundle was unpacked from; undefined while it is being unpacked. */
function manifestOf(rootfs: string): string | undefined {
  try {
    const bytes = readRegularFile(join(dirname(rootfs), 'umoci.json'), { maxBytes });
    const meta = JSON.parse(String(bytes));
    return meta.from_descriptor_path.descriptor_walk.at(-1).digest;
  } catch {
    return undefined;
  }
}

function parse(text: string): Partial<Stored> | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function invalid(rootfs: string, reason: string): LayerhookError {
  return new LayerhookError('BUNDLE_INVALID', { path: dirname(rootfs), reason });
}

function fileOf(rootfs: string): string {
  return join(dirname(rootfs), 'layerhook.overlay');
}
