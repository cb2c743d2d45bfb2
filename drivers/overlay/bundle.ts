import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { LayerhookError, readRegularFile, writeFileAtomic } from 'layerhook';

/** What a bundle of this driver says of itself, beside its rootfs (`layerhook.overlay`). */
export interface OverlayBundle {
  /** key of the active snapshot that is mounted at rootfs */
  key: string;
  /** a snapshot that is no longer the bundle's, or not yet: a refresh was not brought to its end */
  other?: string;
}

/** What the file holds. Which snapshot counts while a bundle is refreshed is settled by umoci.json alone. */
interface Stored {
  key: string;
  /** the snapshot of the bundle once it is of another image */
  next?: { key: string; manifest: string };
}

const maxBytes = 4 << 20;

/** A key for a snapshot of a bundle. @param bundle its path */
export function newKey(bundle: string): string {
  return `bundle:${bundle}#${randomBytes(6).toString('hex')}`;
}

/** @param rootfs the bundle's root filesystem, also while it is in the staging directory */
export function writeBundle(rootfs: string, stored: Stored): void {
  writeFileAtomic(fileOf(rootfs), `${JSON.stringify(stored)}\n`);
}

/**
 * @returns null if there is none: the bundle was never assembled
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

/** Digest of the manifest of the image that the bundle is of; undefined while it is unpacked. */
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
