import { type Context, isTrusted } from './context.js';
import type { Reader, Writer } from './metadata/database.js';
import {
  contentsOfChain,
  deleteContent,
  deleteName,
  getContent,
  getName,
  putName,
  retire,
  usersOf,
} from './metadata/records.js';
import { nameOf } from './name.js';
import { mayBeMounted } from './remove.js';
import type { LayerIdentity } from './types.js';

/**
 * Gives a layer's name to another content than it may have had, and lets that take the place of all contents of the layer
 * that are not trusted: what is on top of them, whoever's it is, is on top of the new one then.
 *
 * @param name makes the name, which is free then, and tells the content
 * @returns contents whose directories are to be discarded after the transaction
 */
export function supersede(
  context: Context,
  writer: Writer,
  layer: LayerIdentity,
  name: () => string,
): string[] {
  const old = untrusted(context, writer, layer).map((content) => ({
    content,
    mounted: mayBeMounted(writer, content),
  }));
  deleteName(writer, context.client, nameOf(layer));
  const content = name();
  return old
    .filter((was) => was.content !== content)
    .filter((was) => {
      if (canReplace(writer, was.content, content)) pointAll(writer, was.content, content);
      if (usersOf(writer, was.content).length > 0) return false;
      deleteContent(writer, was.content);
      // what may be mounted under this boot stays until the next
      if (was.mounted) retire(writer, was.content, context.boot);
      return !was.mounted;
    })
    .map((was) => was.content);
}

/** Contents that are the layer, or have its name, and cannot be used. */
function untrusted(context: Context, reader: Reader, layer: LayerIdentity): string[] {
  const own = getName(reader, context.client, nameOf(layer));
  const all = new Set(contentsOfChain(reader, layer.chainID, layer.map));
  if (own !== undefined) all.add(own.content);
  return [...all].filter((content) => !isTrusted(context, getContent(reader, content)));
}

/** Whether `content` is what `old` was on top of every chain that that was known on. */
function canReplace(reader: Reader, old: string, content: string): boolean {
  const [was, is] = [getContent(reader, old).layer, getContent(reader, content).layer];
  if (was === undefined || is === undefined) return false;
  return is.dependencies !== null || was.chainIDs.every((chainID) => is.chainIDs.includes(chainID));
}

function pointAll(writer: Writer, old: string, content: string): void {
  for (const { client, name } of usersOf(writer, old)) {
    putName(writer, client, name, { ...getName(writer, client, name)!, content });
  }
}
