import { mkdirSync, mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { applyLayer } from '../../layer/apply/applier.js';
import { Tree } from '../../layer/apply/tree.js';
import { generateTree } from '../../layer/generate/index.js';
import { holeBudget } from '../../layer/holes.js';
import type { ByteSource, MapOptions, Unsettled } from '../../layer/types.js';
import { fixUpLayer } from '../../overlay/fix-up/fix-up.js';
import { LowerTree } from '../../overlay/lower-tree.js';
import type { Logger } from '../../system/logger.js';
import { removeTree } from '../../system/remove.js';
import { TarReader } from '../../tar/index.js';
import { unmapped } from '../operation.js';

/** What errors call the layer, whose digest is unknown. */
const digest = 'on the standard input';

export interface OverlayTarOptions {
  /** the layer's tar; it is read to its end */
  source: ByteSource;
  /** directories of the layers below, highest first, in the form of overlayfs */
  lowerdirs: readonly string[];
  /** directory for the layer's files, on a file system that keeps owners, devices and trusted xattrs */
  scratch: string;
  map: MapOptions;
  keepDirlinks: boolean;
  log: Logger;
}

/**
 * Converts the tar of a layer to the tar that overlayfs needs on top of its lower layers: whiteouts are devices 0:0, opaque
 * directories have their mark, directories that the layer does not list have the attributes of the layers below.
 *
 * @throws LayerhookError LAYER_ENTRY, TAR_INVALID, ID_UNMAPPED, MOUNT_FAILED, NO_SPACE, SYSTEM
 */
export async function* overlayTar(options: OverlayTarOptions): AsyncGenerator<Buffer> {
  const { map, log } = options;
  const place = mkdtempSync(join(resolve(options.scratch), 'layer-'));
  const directory = join(place, 'upper');
  mkdirSync(directory, { mode: 0o755 });
  try {
    const lowerdirs = options.lowerdirs.map((path) => resolve(path));
    const unsettled = apply({ ...options, lowerdirs }, directory);
    const lower = LowerTree.open(lowerdirs, 'trusted');
    fixUpLayer({ directory, unsettled, lower, xattr: 'trusted', map, digest });
    yield* generateTree({ root: directory, map: unmapped, subsecond: true, holes: holeBudget(), log });
  } finally {
    removeTree(place);
  }
}

function apply({ source, lowerdirs, map, keepDirlinks, log }: OverlayTarOptions, target: string): Unsettled {
  const own = { map, keepDirlinks, lowerdirs, whiteouts: 'overlay', overlayXattr: 'trusted' } as const;
  const rest = { digest, digests: false, warn: (message: string) => log.warn(message) };
  return applyLayer(new TarReader(source, { digest }), target, new Tree(), { ...own, ...rest }).unsettled;
}
