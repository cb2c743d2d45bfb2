import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LayerhookError } from 'layerhook/driver';

/** What a bundle of this driver says of itself, beside its rootfs (`layerhook.overlay`). */
export interface OverlayBundle {
  /** key of the active snapshot that is mounted at rootfs */
  key: string;
}

/** @param rootfs the bundle's root filesystem, also while it is in the staging directory */
export function writeBundle(rootfs: string, bundle: OverlayBundle): void {
  writeFileSync(fileOf(rootfs), `${JSON.stringify(bundle)}\n`);
}

/**
 * @returns null if there is none: the bundle was never assembled
 * @throws LayerhookError BUNDLE_INVALID
 */
export function readBundle(rootfs: string): OverlayBundle | null {
  let text: string;
  try {
    text = readFileSync(fileOf(rootfs), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const bundle = parse(text);
  if (typeof bundle?.key === 'string') return { key: bundle.key };
  const reason = 'layerhook.overlay names no snapshot';
  throw new LayerhookError('BUNDLE_INVALID', { path: dirname(rootfs), reason });
}

function parse(text: string): Partial<OverlayBundle> | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function fileOf(rootfs: string): string {
  return join(dirname(rootfs), 'layerhook.overlay');
}
