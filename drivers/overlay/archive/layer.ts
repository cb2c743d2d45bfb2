import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchiveResult, Change, ImageConfig, PoststopContext } from 'layerhook';
import { AT_FDCWD, type ByteString, fromText, StatBuffer, statAt } from 'layerhook/system';
import type { OverlayFormat } from '../marks.js';
import { upperdirChanges } from '../upperdir.js';
import { readChanges, refersBelow } from './changes.js';
import { inLayout } from './in-layout.js';
import { archivedHoles, ownerOf, unmapped, visibleXattr } from './tar-options.js';

/** Where the changed files are, and what changed. */
interface Source {
  rootfs: string;
  changes: Change[];
  hidden?: ReadonlySet<ByteString>;
  xattrName?: (name: ByteString) => ByteString | null;
}

/**
 * Makes a layer of what changed, puts it on top of the image `LAYOUT:TAG`, and moves the tag. Without a change the image
 * stays; so it does if its history has this very archive, which a crash may have kept from being recorded.
 */
export async function archiveAsLayer(context: PoststopContext): Promise<ArchiveResult> {
  return inMergedView(context, async (source) => {
    const { destination: archived, log } = context;
    const { changes } = source;
    if (changes.length === 0) {
      log.info('nothing changed, the image stays as it is', { image: archived });
      return { archived, bytes: 0, entries: 0 };
    }
    const bytes = await append(context, source);
    if (bytes === null) log.info('the image has this archive already', { image: archived });
    return { archived, bytes: bytes ?? 0, entries: changes.length };
  });
}

async function append(context: PoststopContext, source: Source): Promise<number | null> {
  const { appendLayer, generateLayer, parseImageReference } = await import('layerhook');
  const { destination: image, name, key, state, owner, signal, log } = context;
  const holes = archivedHoles();
  const tar = generateLayer({ ...source, map: unmapped, owner: ownerOf(owner), holes, signal, log });
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

/** What was renamed or only changed in its metadata is whole only in a mount of all layers. */
async function inMergedView<T>(context: PoststopContext, use: (source: Source) => Promise<T>): Promise<T> {
  const { upperdir, lowerdirs, signal } = context;
  const format = context.overlay as OverlayFormat;
  const xattrName = visibleXattr(format);
  if (lowerdirs.length === 0)
    return use({ rootfs: upperdir, xattrName, ...(await readChanges(upperdir, format, signal)) });
  const found = await upperdirChanges({ upperdir, lowerdirs, format, signal });
  const changes = withoutRoot(found.changes, upperdir, lowerdirs[0]!);
  if (!(await refersBelow(upperdir, format, signal))) {
    const { hidden } = await readChanges(upperdir, format, signal);
    return use({ rootfs: upperdir, changes, hidden, xattrName });
  }
  const { mountAll, overlayOptions, unmountAll } = await import('layerhook/overlay');
  const rootfs = mkdtempSync(join(tmpdir(), 'layerhook-archive-'));
  try {
    const dirs = { lowerdirs: [upperdir, ...lowerdirs].map(fromText) };
    const option = format === 'user' ? 'userxattr' : 'metacopy=on';
    const options = ['ro', option, ...overlayOptions(dirs)];
    await mountAll([{ type: 'overlay', source: 'overlay', target: '', options }], rootfs);
    return await use({ rootfs, changes });
  } finally {
    await unmountAll(rootfs, { detach: true });
    rmdirSync(rootfs);
  }
}

/** An engine makes upperdirs anew: that theirs is younger than the image's root is no change of the container's. */
function withoutRoot(changes: Change[], upperdir: string, lowerdir: string): Change[] {
  const [now, before] = [new StatBuffer(), new StatBuffer()];
  const both =
    statAt(AT_FDCWD, fromText(`${upperdir}/.`), now) && statAt(AT_FDCWD, fromText(`${lowerdir}/.`), before);
  const same = both && now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
  return same ? changes.filter(({ path }) => path !== '.') : changes;
}
