import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout, LayoutOptions } from '../../image/layout.js';
import { splitTransport } from '../../image/layout-name.js';
import { openOrCreate } from './copy.js';

/** A layout that a command writes to, and that it may have created. */
export interface TargetLayout {
  layout: Layout;
  /** Closes the layout. Removes it if {@link openTarget} created it and it has no image. */
  close(): Promise<void>;
}

/** Opens a layout, or creates it if it is missing. @throws LayerhookError as openLayout and createLayout */
export function openTarget(path: string, options: LayoutOptions): TargetLayout {
  const existed = existsSync(path);
  // the tar of a new archive appears with its first image
  const isNew = splitTransport(path).transport === 'directory' && !existsSync(join(path, 'oci-layout'));
  const layout = openOrCreate(path, options);
  const close = async () => {
    const unused = isNew && hasNoImage(layout);
    await layout.close();
    if (!unused) return;
    const { removeUnused } = await import('../../image/remove-unused.js');
    // the error of the command matters more; what stays is a whole, empty layout
    await removeUnused(path, existed).catch(() => false);
  };
  return { layout, close };
}

function hasNoImage(layout: Layout): boolean {
  try {
    return layout.readIndex().manifests.length === 0;
  } catch {
    return false;
  }
}
