import { dirname, join } from 'node:path';
import {
  type ByteString,
  type Change,
  type DeltaContext,
  type Driver,
  declined,
  type ImageContext,
  inTurns,
  LayerhookError,
  type RefreshContext,
  Slot,
  type StatTable,
  type Steps,
  statTreeAgainSteps,
  statTreeSteps,
} from 'layerhook';
import { fileClock, nextTick } from './clock.js';
import { compareStats } from './compare.js';
import { mergePacked } from './refresh.js';
import {
  doubtingAll,
  type FileTime,
  isBefore,
  isRacy,
  readStatIndex,
  removeStatIndex,
  type StatIndex,
  writeStatIndex,
} from './stat-index.js';
import { protectMappedPages, reallyChanged } from './suspects.js';

/** What a delta was made of; what becomes the index if the bundle is refreshed. */
interface Seen {
  index: StatIndex | undefined;
  now: StatTable;
  tick: FileTime;
  masked: boolean;
  /** files that stat left in doubt, and that have changed */
  exposed: Set<ByteString>;
}

/**
 * The default driver: a bundle has one plain rootfs directory.
 *
 * It records the stat of each file after unpacking (`layerhook.index` in the bundle), and later reads only files whose stat
 * changed; umoci's mtree manifest records what they were. It finds what umoci finds, and changed device numbers and
 * hardlinks too. Without an index it declines, and layerhook compares with the mtree manifest.
 */
export default function copyDriver(options: Record<string, unknown> = {}): Driver {
  refuseOptions(options);
  const seen = new Slot((): { seen: Seen | undefined } => ({ seen: undefined }));
  return {
    name: 'copy',
    hooks: {
      'unpack.ociv1.bundle.assemble': assemble,
      'repack.ociv1.layer.delta-list': (context) => listDelta(context, seen),
      'repack.ociv1.layer.refresh-bundle': (context) => refresh(context, seen),
    },
  };
}

/** Every driver gets the store, also one that keeps nothing in it. @throws LayerhookError DRIVER_OPTION */
function refuseOptions({ store: _, durability: __, ...others }: Record<string, unknown>): void {
  const [option] = Object.keys(others);
  if (option === undefined) return;
  const reason = 'is unknown; the driver has no options';
  throw new LayerhookError('DRIVER_OPTION', { driver: 'copy', option, reason });
}

/** What the delta of this operation was made of. */
type SeenSlot = Slot<{ seen: Seen | undefined }>;

async function assemble({ rootfs, manifestDescriptor, signal, log }: ImageContext): Promise<void> {
  const tick = await nextTick(dirname(rootfs));
  const table = await inTurns(statTreeSteps(rootfs), signal);
  writeStatIndex(indexFile(rootfs), { ...table, tick, manifest: manifestDescriptor.digest });
  log.debug('wrote the stat index', { files: table.paths.length });
}

async function listDelta(context: DeltaContext, slot: SeenSlot) {
  const { rootfs, manifestDescriptor, maskPaths, refresh, signal, log } = context;
  const tick = clockIfWritable(rootfs);
  const found = indexOf(rootfs, manifestDescriptor.digest);
  const isBack = tick !== undefined && found !== undefined && isBefore(tick, found.tick);
  if (isBack)
    log.warn('the clock was set back since the bundle was unpacked or refreshed: reading all files');
  // with an earlier clock, a changed file may have its former times again
  const index = isBack ? doubtingAll(found) : found;
  const now = await inTurns(statNow(rootfs, index), signal);
  const exposed = new Set<ByteString>();
  if (tick) slot.of(context).seen = { index, now, tick, masked: maskPaths.length > 0, exposed };
  if (index === undefined) {
    if (refresh) await protectMappedPages(rootfs);
    log.debug('a stat index of this image is missing');
    return declined;
  }
  const changes: Change[] = [];
  const suspects: ByteString[] = [];
  compareStats(index, now, (finding, path) => {
    if (finding === 'suspect') suspects.push(path);
    else changes.push({ path, kind: finding });
  });
  log.debug('compared stats', {
    files: now.paths.length,
    changes: changes.length,
    suspects: suspects.length,
  });
  if (changes.length + suspects.length === 0) return changes;
  if (refresh) await protectMappedPages(rootfs);
  for (const path of await reallyChanged(suspects, context)) {
    exposed.add(path);
    changes.push({ path, kind: 'modify' });
  }
  return changes;
}

/** The index says what is in a directory that has not changed. */
function statNow(rootfs: string, index: StatIndex | undefined): Steps<StatTable> {
  if (index === undefined) return statTreeSteps(rootfs);
  return statTreeAgainSteps(rootfs, index, (row) => !isRacy(index.tick, index.words, row));
}

/**
 * The index of the new image is what was seen before the delta: a file that changed since then has another ctime
 * now, and is found next time. If the delta did not record the rootfs, the index is removed, and the next repack compares with the mtree manifest.
 */
function refresh(context: RefreshContext, slot: SeenSlot): void {
  const { rootfs, manifestDescriptor, changes } = context;
  const state = slot.of(context).seen;
  if (state === undefined || (state.index === undefined && state.masked)) {
    removeStatIndex(indexFile(rootfs));
    return;
  }
  const { index, now, tick, exposed } = state;
  const table = index === undefined ? now : mergePacked(index, now, changes, exposed);
  writeStatIndex(indexFile(rootfs), { ...table, tick, manifest: manifestDescriptor.digest });
}

function indexOf(rootfs: string, manifest: string): StatIndex | undefined {
  const index = readStatIndex(indexFile(rootfs));
  return index?.manifest === manifest ? index : undefined;
}

/** Of a bundle that cannot be written to, the index cannot be refreshed either. */
function clockIfWritable(rootfs: string): FileTime | undefined {
  try {
    return fileClock(dirname(rootfs));
  } catch {
    return undefined;
  }
}

function indexFile(rootfs: string): string {
  return join(dirname(rootfs), 'layerhook.index');
}
