import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseImageReference } from '../../image/references.js';
import type { ImageConfig } from '../../image/types.js';
import { generateLayer } from '../../layer/generate/generate.js';
import { visibleXattr } from '../../layer/overlay-marks.js';
import type { Change } from '../../layer/types.js';
import { upperdirChanges } from '../../overlay/changes/upperdir-changes.js';
import { mountAll, unmountAll } from '../../overlay/mount.js';
import { overlayOptions } from '../../overlay/mount-options.js';
import type { ArchiveResult, PoststopContext } from '../../points/points.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { close } from '../../system/files.js';
import { AT_FDCWD } from '../../system/libc.js';
import { MS, openOverlay } from '../../system/mount.js';
import { StatBuffer, statAt } from '../../system/stat.js';
import type { OnProgress } from '../../system/work-progress.js';
import { unmapped } from '../operation.js';
import { appendLayer } from '../repack/append.js';
import { readChanges, refersBelow } from './changes.js';
import { inLayout } from './in-layout.js';
import { archivedHoles, ownerOf } from './tar-options.js';

/** The changed files and the changes. */
interface Source {
  rootfs: string;
  changes: Change[];
  hidden?: ReadonlySet<ByteString>;
  xattrName?: (name: ByteString) => ByteString | null;
}

/**
 * Makes a layer of the changes, appends it to the image `LAYOUT:TAG`, and moves the tag. The image stays unchanged without changes,
 * or if its history has this archive already: a crash may have prevented the record of it.
 */
export async function archiveAsLayer(
  context: PoststopContext,
  onProgress?: OnProgress,
): Promise<ArchiveResult> {
  return inMergedView(context, async (source) => {
    const { destination: archived, log } = context;
    const { changes } = source;
    if (changes.length === 0) {
      log.info('nothing changed, the image stays unchanged', { image: archived });
      return { archived, bytes: 0, entries: 0 };
    }
    const bytes = await append(context, source, onProgress);
    if (bytes === null) log.info('the image has this archive already', { image: archived });
    return { archived, bytes: bytes ?? 0, entries: changes.length };
  });
}

async function append(
  context: PoststopContext,
  source: Source,
  onProgress: OnProgress | undefined,
): Promise<number | null> {
  const { destination: image, name, key, state, owner, signal, log } = context;
  const holes = archivedHoles();
  const made = { ...source, map: unmapped, owner: ownerOf(owner), holes };
  const tar = generateLayer({ ...made, signal, log, onProgress });
  const comment = `archive ${name} of container ${String(state.id)} (${key})`;
  const isDone = ({ config }: { config: ImageConfig }) =>
    config.history?.some((entry) => entry.comment === comment) === true;
  const { path, tag } = parseImageReference(image);
  return inLayout(path, context, async (opened) => {
    const history = { comment };
    const options = { tar, createdBy: 'archive_overlay', history, isDone, signal };
    const result = await appendLayer({ image: `${opened}:${tag}`, ...options });
    return result === null ? null : result.layer.size;
  });
}

/** Calls `use` with complete files: renamed directories and files with metadata only need a mount of all layers. */
async function inMergedView<T>(context: PoststopContext, use: (source: Source) => Promise<T>): Promise<T> {
  const { upperdir, lowerdirs, overlay: format, signal } = context;
  const xattrName = (name: ByteString) => visibleXattr(name, format);
  if (lowerdirs.length === 0)
    return use({ rootfs: upperdir, xattrName, ...(await readChanges(upperdir, format, signal)) });
  const found = await upperdirChanges({ upperdir, lowerdirs, format, signal });
  const changes = withoutRoot(found.changes, upperdir, lowerdirs[0]!);
  if (!(await refersBelow(upperdir, format, signal))) {
    const { hidden } = await readChanges(upperdir, format, signal);
    return use({ rootfs: upperdir, changes, hidden, xattrName });
  }
  const dirs = { lowerdirs: [upperdir, ...lowerdirs].map(fromText) };
  const options = format === 'user' ? ['userxattr'] : ['metacopy=on', 'redirect_dir=follow'];
  // a mount in a directory would stay if this process is killed
  const opened = openOverlay({ ...dirs, options, flags: MS.RDONLY }, fromText(upperdir));
  if (opened === null) return inMountedView(['ro', ...options, ...overlayOptions(dirs)], changes, use);
  try {
    return await use({ rootfs: `/proc/self/fd/${opened}/.`, changes });
  } finally {
    close(opened);
  }
}

/** As {@link inMergedView}, with a mount at a temporary directory. */
async function inMountedView<T>(
  options: string[],
  changes: Change[],
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const rootfs = mkdtempSync(join(tmpdir(), 'layerhook-archive-'));
  try {
    await mountAll([{ type: 'overlay', source: 'overlay', target: '', options }], rootfs);
    return await use({ rootfs, changes });
  } finally {
    await unmountAll(rootfs, { detach: true });
    rmdirSync(rootfs);
  }
}

/** Drops the change of the root directory if only its time differs: an engine makes every upperdir itself. */
function withoutRoot(changes: Change[], upperdir: string, lowerdir: string): Change[] {
  const [now, before] = [new StatBuffer(), new StatBuffer()];
  const both =
    statAt(AT_FDCWD, fromText(`${upperdir}/.`), now) && statAt(AT_FDCWD, fromText(`${lowerdir}/.`), before);
  const same = both && now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
  return same ? changes.filter(({ path }) => path !== '.') : changes;
}
