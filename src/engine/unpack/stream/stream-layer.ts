import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fsError, reasonOf } from '../../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../../errors/index.js';
import { EntryFile } from '../../../layer/entries/list.js';
import type { AppliedLayer, EntryList, LayerSource } from '../../../layer/types.js';
import type { LayerProgress, LayerUnpacker } from '../../../layer/unpacker.js';
import type { IntoCommand, IntoTar, LayerContext } from '../../../points/points.js';
import { fromText } from '../../../system/bytes.js';
import { closeOnError, writeAndClose } from '../../../system/close-on-error.js';
import { SystemError } from '../../../system/errno.js';
import { removeFile } from '../../../system/regular-file.js';
import { orAborted } from '../../../system/until-aborted.js';
import { Command } from './command.js';
import { Deadline } from './deadline.js';
import { Fifo } from './fifo.js';
import type { Sink } from './sink.js';
import { TarFile } from './tar-file.js';
import { closeTarget, openTarget } from './target.js';

/** What a layer's tar is streamed for. */
export interface StreamOptions {
  plan: IntoTar | IntoCommand;
  /** the hook that chose the plan, and the seconds that a reader may take; 0: without limit */
  by: string;
  timeout: number;
  /** true: a hook at post-extract may read the entries */
  wantsEntries: boolean;
  onProgress: (progress: LayerProgress) => void;
}

/** A layer whose tar is where the hook wants it. */
export interface StreamedLayer {
  applied: AppliedLayer;
  /** null if they are not wanted */
  entries: EntryList | null;
  /** Removes the list of entries, and with `keep: false` also the target: no hook has learnt of it. */
  end(outcome: { keep: boolean }): void;
}

const point = 'unpack.ociv1.layer.pre-extract';

/**
 * Sends the verified tar of a layer to a file, FIFO or program. If that fails, nothing of it is left.
 *
 * @throws LayerhookError HOOK_FAILED or HOOK_TIMEOUT if the target or its reader is at fault; else as LayerUnpacker's `stream`
 */
export async function streamLayer(
  unpacker: LayerUnpacker,
  { context, source }: { context: LayerContext; source: LayerSource },
  options: StreamOptions,
): Promise<StreamedLayer> {
  const { plan, wantsEntries } = options;
  const onEntries = plan.into === 'tar' ? plan.onEntries : undefined;
  const list = wantsEntries || onEntries ? listOf(context) : null;
  try {
    const open = () => openSink(context, options);
    const sink = list === null ? open() : closeOnError(list.fd, open);
    const sending = send(unpacker, source, sink, list, options);
    const entries = list && new EntryFile(list.path, source.budget, sending);
    const reading = readWith(onEntries, entries);
    const applied = await bothEnded(sending, reading, { sink, deadline: deadlineOf(context, options) });
    const end = ({ keep }: { keep: boolean }) => {
      list?.remove();
      if (keep) sink.close();
      else sink.undo();
    };
    return { applied, entries, end };
  } catch (error) {
    list?.remove();
    throw hookFailure(options, context, error);
  }
}

async function readWith(onEntries: IntoTar['onEntries'], entries: EntryList | null): Promise<void> {
  if (entries !== null) await onEntries?.(entries);
}

/**
 * Waits for the tar of a layer, and then for the hook that reads its entries, which has until the deadline. If only the hook
 * fails, the tar is removed.
 */
async function bothEnded(
  sending: Promise<AppliedLayer>,
  reading: Promise<void>,
  { sink, deadline }: { sink: Sink; deadline: Deadline },
): Promise<AppliedLayer> {
  reading.catch(() => {});
  const [sent] = await Promise.allSettled([sending]);
  deadline.start();
  const [read] = await Promise.allSettled([orAborted(reading, deadline.signal)]);
  deadline.end();
  if (sent.status === 'rejected') throw sent.reason;
  if (read.status === 'fulfilled') return sent.value;
  sink.undo();
  throw read.reason;
}

/** @param list open file for the list of entries, which is closed */
async function send(
  unpacker: LayerUnpacker,
  source: LayerSource,
  sink: Sink,
  list: OpenList | null,
  { onProgress }: StreamOptions,
): Promise<AppliedLayer> {
  const { what, isFile, stop } = sink;
  try {
    const given = { what, isFile, stop, list: list?.fd ?? null, onProgress, open: () => sink.open() };
    const stream = () => unpacker.stream(source, given);
    const applied = await (list === null ? stream() : fillList(list, stream));
    await sink.finish();
    return applied;
  } catch (error) {
    throw await sink.fail(error);
  }
}

async function fillList<T>({ fd, path }: OpenList, fill: () => Promise<T>): Promise<T> {
  try {
    return await writeAndClose(fd, fromText(path), fill);
  } catch (error) {
    throw error instanceof SystemError ? fsError(error, 'cannot write the list of entries') : error;
  }
}

function deadlineOf(context: LayerContext, { by, timeout }: StreamOptions): Deadline {
  const where = { hook: by, point, layer: layerOf(context) };
  const late = (seconds: number) => new LayerhookError('HOOK_TIMEOUT', { ...where, seconds });
  return new Deadline(timeout, context.signal, late);
}

function openSink(context: LayerContext, options: StreamOptions): Sink {
  const { plan, by } = options;
  const deadline = deadlineOf(context, options);
  const target = plan.target === undefined ? null : openTarget(plan.target);
  try {
    if (plan.into === 'command')
      return new Command(plan.argv, target, deadline, (line) => context.log.info(line, { hook: by }));
    const { offset = 0 } = plan;
    if (!Fifo.isAt(target!)) return new TarFile(target!, offset);
    if (offset > 0) throw new Error(`${plan.target} is a FIFO, which cannot have an offset`);
    return new Fifo(target!, deadline);
  } catch (error) {
    if (target !== null) closeTarget(target);
    throw error;
  }
}

interface OpenList {
  path: string;
  fd: number;
  remove(): void;
}

/** The file that lists the entries, beside the rootfs: in the private directory of an unpack, or in the bundle. */
function listOf({ rootfs, index }: LayerContext): OpenList {
  const name = `layerhook.entries-${index}-${randomBytes(6).toString('hex')}`;
  const path = join(dirname(rootfs), name);
  try {
    return { path, fd: openSync(path, 'wx', 0o600), remove: () => removeFile(path) };
  } catch (error) {
    throw fsError(error, `cannot write ${path}`);
  }
}

/** Names the hook in what its target or its reader has failed with. Errors of the layer itself stay. */
function hookFailure({ by }: StreamOptions, context: LayerContext, error: unknown): unknown {
  if (isLayerhookError(error) && error.code !== 'DIRECTORY_INVALID') return error;
  const reason = reasonOf(error);
  return new LayerhookError('HOOK_FAILED', { hook: by, point, layer: layerOf(context), reason }, error);
}

function layerOf({ descriptor }: LayerContext): string {
  return ` for layer ${descriptor.digest}`;
}
