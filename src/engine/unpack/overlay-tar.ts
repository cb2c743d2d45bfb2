import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits } from '../../errors/index.js';
import { ApplyThread } from '../../layer/apply/apply-thread.js';
import { generateTree } from '../../layer/generate/tree.js';
import { holeBudget } from '../../layer/holes.js';
import { createRing, failRing, RingWriter } from '../../layer/stream/index.js';
import type { MapOptions, Unsettled } from '../../layer/types.js';
import { fixUpLayer } from '../../overlay/fix-up/fix-up.js';
import { LowerTree } from '../../overlay/lower-tree.js';
import type { Logger } from '../../system/logger.js';
import { throwIfAborted } from '../../system/steps.js';
import { orAborted, untilAborted } from '../../system/until-aborted.js';
import { layerBudget, takeUnpacked } from '../../tar/budget.js';
import { closePlace, makePrivate, privatePrefix, removePrivate, sweep } from '../bundle/private-place.js';
import { unmapped } from '../operation.js';

/** What errors call the layer, whose digest is unknown. */
const digest = 'on the standard input';

/** Milliseconds between two looks for room in the ring. */
const pause = 1;
/** Milliseconds that the thread has after an abort. */
const graceTime = 200;

export interface OverlayTarOptions {
  /** the layer's tar; it is read to its end */
  source: AsyncIterable<Uint8Array>;
  /** directories of the layers below, highest first, in the form of overlayfs */
  lowerdirs: readonly string[];
  /** directory for the layer's files, on a file system that keeps owners, devices and trusted xattrs */
  scratch: string;
  map: MapOptions;
  keepDirlinks: boolean;
  /** changed limits of docs/security.md */
  limits?: Limits | undefined;
  signal?: AbortSignal | undefined;
  log: Logger;
}

/**
 * Converts the tar of a layer to the tar that overlayfs needs on top of its lower layers: whiteouts are devices 0:0, opaque
 * directories have their mark, directories that the layer does not list have the attributes of the layers below. The scratch
 * directory is empty afterwards; what a killed process has left there is removed first.
 *
 * @throws LayerhookError LIMIT_EXCEEDED, LAYER_ENTRY, TAR_INVALID, ID_UNMAPPED, MOUNT_FAILED, NO_SPACE, SYSTEM, ABORTED
 */
export async function* overlayTar(options: OverlayTarOptions): AsyncGenerator<Buffer> {
  const { map, limits, log, signal } = options;
  const scratch = resolve(options.scratch);
  const prefix = privatePrefix('overlay-tar');
  await sweep(scratch, prefix);
  const place = makePrivate(scratch, prefix);
  try {
    const directory = join(place.path, 'upper');
    mkdirSync(directory, { mode: 0o755 });
    const lowerdirs = options.lowerdirs.map((path) => resolve(path));
    const unsettled = await apply({ ...options, lowerdirs }, directory);
    const lower = LowerTree.open(lowerdirs, 'trusted');
    fixUpLayer({ directory, unsettled, lower, xattr: 'trusted', map, digest });
    throwIfAborted(signal);
    yield* generateTree({
      root: directory,
      map: unmapped,
      subsecond: true,
      holes: holeBudget(limits?.holes),
      log,
    });
  } finally {
    await removePrivate(place).finally(() => closePlace(place));
  }
}

/** Applies the layer in a thread: its calls block, and this thread must react to signals. */
async function apply(
  { source, lowerdirs, map, keepDirlinks, limits, signal, log }: OverlayTarOptions,
  target: string,
): Promise<Unsettled> {
  const budget = layerBudget(limits);
  const ring = createRing();
  const thread = new ApplyThread((message) => log.warn(message));
  const own = { map, keepDirlinks, lowerdirs: [...lowerdirs], overlayXattr: 'trusted' } as const;
  try {
    const applied = thread.request({
      ...{ type: 'apply', from: ring, digest, target, budget, track: null, digests: false },
      options: { ...own, whiteouts: 'overlay' },
      holes: holeBudget(limits?.holes),
      entries: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    });
    const counted = countedBy((bytes) => takeUnpacked(budget, bytes, digest), source);
    const filled = fill(ring, counted, signal);
    // the thread gets the same error
    filled.catch((error) => failRing(ring, error));
    const [reply] = await orAborted(Promise.all([applied, filled]), signal);
    return reply!.unsettled;
  } finally {
    thread.endWithin(graceTime);
    await thread.close();
  }
}

/** Writes the tar to the ring; the thread takes it from there. */
async function fill(
  ring: SharedArrayBuffer,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const writer = new RingWriter(ring);
  for await (const piece of untilAborted(source, signal))
    for (let at = 0; at < piece.length; ) {
      while (writer.wouldWait) await sleep(pause);
      const space = writer.space();
      // the thread has failed
      if (space === undefined) return;
      const step = Math.min(piece.length - at, space.length);
      space.set(piece.subarray(at, at + step));
      writer.advance(step);
      at += step;
    }
  writer.end();
}

async function* countedBy(
  count: (bytes: number) => void,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    count(piece.length);
    yield piece;
  }
}
