import type { ByteString } from '../../system/bytes.js';
import { inTurns } from '../../system/steps.js';
import type { Change } from '../types.js';
import { withAllNames } from './hardlinks.js';
import { type PackOptions, tarOf, writePlan } from './pack.js';
import { prefixed } from './paths.js';
import { planLayer } from './plan.js';
import { RootfsReader } from './rootfs.js';

export interface GenerateOptions extends PackOptions {
  /** path of the root filesystem */
  rootfs: string;
  changes: readonly Change[];
  /** whether another name of a changed hardlinked file may be added to the layer; default: all are */
  mayAdd?: ((path: ByteString) => boolean) | undefined;
  /** paths at which the rootfs has a whiteout of an overlay: as if nothing were there */
  hidden?: ReadonlySet<ByteString> | undefined;
  /** what stands before all names in the tar, such as `./`; default: nothing */
  prefix?: string | undefined;
}

/**
 * The tar of a diff layer: what must be applied to get from the state before `changes` to that of the rootfs;
 * image-spec layer.md. Whiteouts come first, then the entries, each sorted bytewise; the same input gives the same bytes.
 *
 * Directories above changed paths are in it, and all names of a hardlinked file if one has changed: those after
 * the first are links to it. What is read never lies outside the rootfs. Sockets are left out with a warning.
 *
 * It fails, in the middle of the tar, with LayerhookError FILE_CHANGED if the rootfs is changed while it is read;
 * LAYER_PATH for what a layer cannot hold; ID_UNMAPPED; ABORTED; SYSTEM.
 */
export async function* generateLayer(options: GenerateOptions): AsyncGenerator<Buffer> {
  const { rootfs, changes, mayAdd = () => true, hidden, prefix = '', signal } = options;
  const reader = new RootfsReader(rootfs);
  try {
    yield* tarOf(async (writer) => {
      const all = await inTurns(withAllNames(rootfs, reader, changes, mayAdd), signal);
      const plan = planLayer(all, (path) => (hidden?.has(path) ? null : reader.lookup(path)));
      const whiteouts = plan.whiteouts.map((name) => prefix + name);
      await writePlan(reader, writer, { ...plan, whiteouts }, options, prefixed(prefix));
    });
  } finally {
    reader.close();
  }
}
