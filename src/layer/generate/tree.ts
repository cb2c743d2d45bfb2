import type { ByteString } from '../../system/bytes.js';
import { inTurns, type Steps } from '../../system/steps.js';
import { tarOf } from '../../tar/writer.js';
import { walkSteps } from '../walk/index.js';
import { type PackOptions, writePlan } from './pack.js';
import { prefixed } from './paths.js';
import type { LayerPlan } from './plan.js';
import { RootfsReader, typeOf } from './rootfs.js';

export interface TreeOptions extends PackOptions {
  /** path of a directory */
  root: string;
}

/**
 * Generates the tar of a directory and everything in it, with names `./…`. Whiteouts, opaque markers and overlay xattrs
 * have no special meaning here. The later names of a hardlinked file are links to the first. Symlinks are not followed.
 * Sockets are left out with a warning.
 *
 * Fails in the middle of the tar with LayerhookError FILE_CHANGED if the directory changes while it is read, LAYER_PATH
 * for a device number that does not fit a tar, ABORTED, SYSTEM.
 */
export async function* generateTree(options: TreeOptions): AsyncGenerator<Buffer> {
  const reader = new RootfsReader(options.root);
  try {
    yield* tarOf(async (writer) => {
      const plan = await inTurns(planTree(options.root), options.signal);
      await writePlan(reader, writer, plan, options, prefixed('./'));
    });
  } finally {
    reader.close();
  }
}

function* planTree(root: string): Steps<LayerPlan> {
  const entries: ByteString[] = [];
  const sockets: ByteString[] = [];
  yield* walkSteps(root, (path, stat) => void (typeOf(stat) === 'socket' ? sockets : entries).push(path));
  return { whiteouts: [], entries, sockets };
}
