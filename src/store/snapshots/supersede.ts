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
 * Gives a layer's name to a content, and lets that take the place of all contents of the layer that cannot be used: what
 * is on top of them, whoever's it is, is on top of the new one then.
 *
 * @param name makes the name, which is free then, and tells the content
 * @returns contents whose directories are to be discarded after the transaction
 * @throws LayerhookError SNAPSHOT_EXISTS if the name is that of something else than a layer
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

/** Lets a content take the place of all contents that are the same layer, unmapped, and cannot be used, as {@link supersede}. */
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
    // what may be mounted under this boot stays until the next
    if (isMounted) retire(writer, old, context.boot);
    else free.push(old);
  }
  return free;
}

/** Contents that are the layer, or have its name, and cannot be used. */
function unusable(context: Context, reader: Reader, layer: LayerIdentity): string[] {
  const own = getName(reader, context.client, nameOf(layer));
  const all = new Set(contentsOfChain(reader, layer.chainID, layer.map));
  if (own !== undefined && own.kind !== 'committed') {
    throw new LayerhookError('SNAPSHOT_EXISTS', { name: nameOf(layer) });
  }
  if (own !== undefined) all.add(own.content);
  return [...all].filter((content) => !isUsable(context, reader, content));
}

/** Lets all names that point to `old` point to `content`, if it is the same on top of every chain that they have. */
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
