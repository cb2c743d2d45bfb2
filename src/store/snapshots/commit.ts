import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { preciseNow } from '../../system/clock.js';
import { syncFilesystem } from '../../system/filesystem.js';
import { type Context, keptLabels, requireCommitted, requireName } from '../context/context.js';
import { layerOfLabels } from '../context/labels.js';
import { requireFreeText } from '../context/name.js';
import type { LayerRecord, NameRecord } from '../metadata/record-types.js';
import { deleteName, getContent, getName, putContent, putName } from '../metadata/records.js';
import type { Reader, Writer } from '../metadata/transaction.js';
import type { CommitOptions, ErofsRecord, Usage } from '../types.js';
import { replaceUnusable } from './supersede.js';

/**
 * Turns an active snapshot into a committed one.
 *
 * @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_EXISTS, SNAPSHOT_PRECONDITION, SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export async function commitSnapshot(
  context: Context,
  name: string,
  key: string,
  options: CommitOptions = {},
): Promise<void> {
  requireFreeText('snapshot name', name);
  const sealed = options.image && (await imageOfActive(context, key, options.image));
  const usage = sealed?.usage ?? (await measureActive(context, key));
  await flushIfSync(context);
  const freed = context.db.write((writer) => {
    if (getName(writer, context.client, name)) throw new LayerhookError('SNAPSHOT_EXISTS', { name });
    const parent = requireActive(writer, context, key).parent || (options.parent ?? '');
    const below = parent === '' ? null : chainIDsOf(writer, context, parent);
    const layer = layerOfLabels(options.labels, below);
    const content = commitActive(context, writer, name, key, {
      ...options,
      ...{ usage, layer, erofs: sealed?.record },
    });
    return layer === undefined ? [] : replaceUnusable(context, writer, layer.chainIDs[0]!, content);
  });
  context.directories.remove(freed);
  if (sealed) context.db.writeToFree(() => context.directories.emptyMountPoint(sealed.content));
}

/** Returns the chainIDs of the layer in a snapshot; empty if they are unknown. */
function chainIDsOf(reader: Reader, { client }: Context, name: string): string[] {
  const content = getName(reader, client, name)?.content;
  return content === undefined ? [] : (getContent(reader, content).layer?.chainIDs ?? []);
}

/** Makes an EROFS image of the files of an active snapshot. */
async function imageOfActive(context: Context, key: string, { verity }: { verity: boolean }) {
  const content = contentOfActive(context, key);
  const image = context.directories.image(content);
  await context.trees.image(context.directories.fs(content), image);
  const { sealImage } = await import('../erofs/seal.js');
  return { content, ...(await sealImage(image, { tarBytes: null, verity })) };
}

/**
 * Returns the usage of an active snapshot for its commit; null if it is measured later.
 *
 * @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION, SNAPSHOT_BROKEN, SYSTEM
 */
export async function measureActive(context: Context, key: string): Promise<Usage | null> {
  const { directories, trees } = context;
  return trees.measuresLater ? null : trees.measure(directories.fs(contentOfActive(context, key)));
}

function contentOfActive(context: Context, key: string): string {
  const { content } = context.db.read((reader) => requireActive(reader, context, key));
  requireDirectory(context, key, content);
  return content;
}

/** @throws LayerhookError SNAPSHOT_BROKEN */
function requireDirectory({ directories }: Context, key: string, content: string): void {
  const reason = directories.whyMissing(content);
  if (reason !== undefined) throw new LayerhookError('SNAPSHOT_BROKEN', { name: key, reason });
}

/** With durability `sync`, flushes the store so that the next commit is already on disk. */
export async function flushIfSync({ directories, durability }: Context): Promise<void> {
  if (durability === 'sync') await flush(directories.root);
}

/** Flushes the filesystem of a store to disk. @throws LayerhookError SYSTEM, NO_SPACE */
export async function flush(root: string): Promise<void> {
  try {
    await syncFilesystem(fromText(root));
  } catch (error) {
    throw fsError(error, `flushing ${root}`);
  }
}

/** What {@link commitActive} records about the content. */
export interface CommitDetails extends CommitOptions {
  /** null: not measured yet */
  usage: Usage | null;
  layer: LayerRecord | undefined;
  /** the image that holds the files; undefined: they are in the directory */
  erofs?: ErofsRecord | undefined;
}

/** Replaces the active snapshot `key` with the committed snapshot `name`, which must be free; inside a transaction. */
export function commitActive(
  context: Context,
  writer: Writer,
  name: string,
  key: string,
  { parent = '', labels, usage, layer, erofs }: CommitDetails,
): string {
  const { client, boot, durability } = context;
  const active = requireActive(writer, context, key);
  const { content } = active;
  requireDirectory(context, key, content);
  const created = preciseNow();
  const record: NameRecord = {
    kind: 'committed',
    parent: parentOf(writer, client, key, active.parent, parent),
    content,
    labels: keptLabels(labels),
    created,
    updated: created,
  };
  deleteName(writer, client, key);
  putName(writer, client, name, record);
  const flushed = durability === 'sync';
  putContent(writer, content, {
    ...getContent(writer, content),
    boot,
    flushed,
    usage,
    ...(layer && { layer }),
    ...(erofs && { erofs }),
  });
  return content;
}

function requireActive(reader: Reader, { client }: Pick<Context, 'client'>, key: string): NameRecord {
  const record = requireName(reader, client, key);
  if (record.kind === 'active') return record;
  throw new LayerhookError('SNAPSHOT_PRECONDITION', {
    name: key,
    reason: `it is not active but ${record.kind}`,
  });
}

/** Returns the parent of a new committed snapshot: the one it was prepared on, or else the one named at commit. */
function parentOf(reader: Reader, client: string, key: string, prepared: string, named: string): string {
  if (prepared !== '' && named !== '' && prepared !== named) {
    const reason = `it was prepared on ${prepared}`;
    throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `parent ${named} of snapshot ${key}`, reason });
  }
  const parent = prepared || named;
  if (parent !== '') requireCommitted(reader, client, parent);
  return parent;
}
