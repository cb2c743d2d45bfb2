import { mkdirSync, mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Limits } from '../../errors/index.js';
import { applyLayer } from '../../layer/apply/applier.js';
import { Tree } from '../../layer/apply/tree.js';
import { generateTree } from '../../layer/generate/tree.js';
import { holeBudget } from '../../layer/holes.js';
import type { ByteSource, MapOptions, Unsettled } from '../../layer/types.js';
import { fixUpLayer } from '../../overlay/fix-up/fix-up.js';
import { LowerTree } from '../../overlay/lower-tree.js';
import type { Logger } from '../../system/logger.js';
import { removeTree } from '../../system/remove.js';
import { type LayerBudget, layerBudget, takeUnpacked } from '../../tar/budget.js';
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
  /** changed limits of docs/security.md */
  limits?: Limits | undefined;
  log: Logger;
}

/**
 * Converts the tar of a layer to the tar that overlayfs needs on top of its lower layers: whiteouts are devices 0:0, opaque
 * directories have their mark, directories that the layer does not list have the attributes of the layers below.
 *
 * @throws LayerhookError LIMIT_EXCEEDED, LAYER_ENTRY, TAR_INVALID, ID_UNMAPPED, MOUNT_FAILED, NO_SPACE, SYSTEM
 */
export async function* overlayTar(options: OverlayTarOptions): AsyncGenerator<Buffer> {
  const { map, limits, log } = options;
  const place = mkdtempSync(join(resolve(options.scratch), 'layer-'));
  const directory = join(place, 'upper');
  mkdirSync(directory, { mode: 0o755 });
  try {
    const lowerdirs = options.lowerdirs.map((path) => resolve(path));
    const unsettled = apply({ ...options, lowerdirs }, directory);
    const lower = LowerTree.open(lowerdirs, 'trusted');
    fixUpLayer({ directory, unsettled, lower, xattr: 'trusted', map, digest });
    yield* generateTree({
      root: directory,
      map: unmapped,
      subsecond: true,
      holes: holeBudget(limits?.holes),
      log,
    });
  } finally {
    removeTree(place);
  }
}

function apply(
  { source, lowerdirs, map, keepDirlinks, limits, log }: OverlayTarOptions,
  target: string,
): Unsettled {
  const budget = layerBudget(limits);

  const own = { map, keepDirlinks, lowerdirs, whiteouts: 'overlay', overlayXattr: 'trusted' } as const;
  const rest = { digest, budget, digests: false, warn: (message: string) => log.warn(message) };
  const reader = new TarReader(counted(source, budget), { digest, budget });
  return applyLayer(reader, target, new Tree(), { ...own, ...rest }).unsettled;
}

/** Counts the bytes of the tar. */
function counted(source: ByteSource, budget: LayerBudget): ByteSource {
  return {
    read() {
      const piece = source.read();
      if (piece !== null) takeUnpacked(budget, piece.length, digest);
      return piece;
    },
  };
}
