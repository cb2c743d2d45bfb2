import { randomBytes } from 'node:crypto';
import { closeSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createFile, LayerhookError, readRegularFile } from 'layerhook/driver';

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
  const temporary = `${fileOf(rootfs)}.tmp`;
  const fd = createFile(temporary, 0o644);
  try {
    writeFileSync(fd, `${JSON.stringify(stored)}\n`);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, fileOf(rootfs));
}

/**
 * @returns null if there is none: the bundle was never assembled
 * @throws LayerhookError BUNDLE_INVALID
 */
export function readBundle(rootfs: string): OverlayBundle | null {
  const bytes = readRegularFile(fileOf(rootfs), { maxBytes });
  if (bytes === undefined) return null;
  const { key, next } = parse(bytes.toString()) ?? {};
  if (typeof key !== 'string') {
    const reason = 'layerhook.overlay names no snapshot';
    throw new LayerhookError('BUNDLE_INVALID', { path: dirname(rootfs), reason });
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

function fileOf(rootfs: string): string {
  return join(dirname(rootfs), 'layerhook.overlay');
}
