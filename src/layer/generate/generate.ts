import type { ByteString } from '../../system/bytes.js';
import { inTurns } from '../../system/steps.js';
import { tarOf } from '../../tar/writer.js';
import type { Change } from '../types.js';
import { withAllNames } from './hardlinks.js';
import { type PackOptions, writePlan } from './pack.js';
import { prefixed } from './paths.js';
import { planLayer } from './plan.js';
import { RootfsReader } from './rootfs.js';

export interface GenerateOptions extends PackOptions {
  /** path of the root filesystem */
  rootfs: string;
  changes: readonly Change[];
  /** returns true if another name of a changed hardlinked file may be added to the layer; default: always */
  mayAdd?: ((path: ByteString) => boolean) | undefined;
  /** paths at which the rootfs has a whiteout of an overlay; treated as missing */
  hidden?: ReadonlySet<ByteString> | undefined;
  /** prefix of all names in the tar, such as `./`; default: '' */
  prefix?: string | undefined;
}

/**
 * Generates the tar of a diff layer, which turns the state before `changes` into the current state of the rootfs;
 * image-spec layer.md. Whiteouts come first and entries after them, each sorted bytewise. The same input gives the same
 * bytes.
 *
 * The tar has entries for the directories above changed paths. If one name of a hardlinked file has changed, it has
 * all names, and those after the first are hardlinks to it. Nothing outside the rootfs is read. Sockets are left out
 * with a warning.
 *
 * Fails in the middle of the tar with LayerhookError FILE_CHANGED if the rootfs changes while it is read, LAYER_PATH if
 * a layer cannot represent a file, ID_UNMAPPED, ABORTED, SYSTEM.
 */
export async function* generateLayer(options: GenerateOptions): AsyncGenerator<Buffer> {
  const { rootfs, changes, mayAdd = () => true, hidden, prefix = '', signal } = options;
  const reader = new RootfsReader(rootfs);
  try {
    yield* tarOf(async (writer) => {
      const all = await inTurns(withAllNames(rootfs, reader, changes, mayAdd), signal);
      const plan = planLayer(all.changes, (path) => (hidden?.has(path) ? null : reader.lookup(path)));
      const whiteouts = plan.whiteouts.map((name) => prefix + name);
      await writePlan(reader, writer, { ...plan, whiteouts, files: all.files }, options, prefixed(prefix));
    });
  } finally {
    reader.close();
  }
}
