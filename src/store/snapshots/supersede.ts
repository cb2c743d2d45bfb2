import { LayerhookError } from '../../errors/index.js';
import { type Context, isUsable } from '../context/context.js';
import { nameOf } from '../context/name.js';
import {
  contentsOfChain,
  deleteContent,
  deleteName,
  getContent,
  getName,
  putContent,
  putName,
  retire,
  usersOf,
} from '../metadata/records.js';
import type { Reader, Writer } from '../metadata/transaction.js';
import type { LayerIdentity } from '../types.js';
import { mayBeMounted } from './remove.js';

/**
 * Gives a layer's name to a content, and replaces all unusable contents of the layer with it. Afterwards the snapshots of
 * all clients on top of the unusable contents refer to the new content.
 *
 * @param name creates the name, which is free when it is called, and returns the content
 * @returns contents whose directories the caller must discard after the transaction
 * @throws LayerhookError SNAPSHOT_EXISTS if the name belongs to an active snapshot or a view
 */
export function supersede(
  context: Context,
  writer: Writer,
  layer: LayerIdentity,
  name: () => string,
): string[] {
  const mounted = whetherMounted(writer, unusable(context, writer, layer));
  deleteName(writer, context.client, nameOf(layer));
  return replaceAll(context, writer, mounted, name());
}

/** Replaces all unusable contents of the same layer, without ID mapping, with a content; see {@link supersede}. */
export function replaceUnusable(
  context: Context,
  writer: Writer,
  chainID: string,
  content: string,
): string[] {
  const old = contentsOfChain(writer, chainID, '').filter((other) => !isUsable(context, writer, other));
  return replaceAll(context, writer, whetherMounted(writer, old), content);
}

function whetherMounted(reader: Reader, contents: string[]): Map<string, boolean> {
  return new Map(contents.map((content) => [content, mayBeMounted(reader, content)]));
}

function replaceAll(
  context: Context,
  writer: Writer,
  mounted: ReadonlyMap<string, boolean>,
  content: string,
): string[] {
  const free: string[] = [];
  for (const [old, isMounted] of mounted) {
    if (old === content) continue;
    replace(writer, old, content);
    if (usersOf(writer, old).length > 0) continue;
    deleteContent(writer, old);
    // a directory that may be mounted stays until the next boot
    if (isMounted) retire(writer, old, context.boot);
    else free.push(old);
  }
  return free;
}

/** Returns the unusable contents that are the layer or have its name. */
function unusable(context: Context, reader: Reader, layer: LayerIdentity): string[] {
  const own = getName(reader, context.client, nameOf(layer));
  const all = new Set(contentsOfChain(reader, layer.chainID, layer.map));
  if (own !== undefined && own.kind !== 'committed') {
    throw new LayerhookError('SNAPSHOT_EXISTS', { name: nameOf(layer) });
  }
  if (own !== undefined) all.add(own.content);
  return [...all].filter((content) => !isUsable(context, reader, content));
}

/** Points all names of `old` to `content`, if `content` is the same on top of every chain of `old`. */
function replace(writer: Writer, old: string, content: string): void {
  const is = getContent(writer, content);
  const chainIDs = getContent(writer, old).layer?.chainIDs;
  if (chainIDs === undefined || is.layer === undefined) return;
  const all = [...new Set([...is.layer.chainIDs, ...chainIDs])];
  if (is.layer.dependencies === null && all.length > is.layer.chainIDs.length) return;
  putContent(writer, content, { ...is, layer: { ...is.layer, chainIDs: all } });
  for (const { client, name } of usersOf(writer, old)) {
    const record = getName(writer, client, name);
    if (record !== undefined) putName(writer, client, name, { ...record, content });
  }
}
