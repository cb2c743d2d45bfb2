import { preciseNow } from '../../system/clock.js';
import { type Context, isTrusted, keptLabels } from '../context/context.js';
import { labelsOfLayer } from '../context/labels.js';
import { nameOf } from '../context/name.js';
import type { ContentRecord, NameRecord } from '../metadata/record-types.js';
import { findContent, getName, putContent, putName } from '../metadata/records.js';
import type { Writer } from '../metadata/transaction.js';
import { supersede } from '../snapshots/supersede.js';
import type { LayerIdentity } from '../types.js';

/**
 * Gives a content the name of its layer in this client.
 *
 * @returns false if the content or the parent was removed meanwhile
 * @throws LayerhookError NO_SPACE, SYSTEM
 */
export function shareContent(
  context: Context,
  layer: LayerIdentity,
  parent: string,
  content: string,
): boolean {
  const { db, client, directories } = context;
  const freed = db.write((writer) => {
    const record = findContent(writer, content);
    if (record === undefined || !isTrusted(context, record)) return undefined;
    if (parent !== '' && getName(writer, client, parent)?.kind !== 'committed') return undefined;
    return supersede(context, writer, layer, () => {
      writeName(context, writer, { layer, parent, content });
      recordChain(writer, layer, content, record);
      return content;
    });
  });
  directories.remove(freed ?? []);
  return freed !== undefined;
}

function writeName(
  { client }: Context,
  writer: Writer,
  { layer, parent, content }: { layer: LayerIdentity; parent: string; content: string },
): void {
  const created = preciseNow();
  const labels = keptLabels(labelsOfLayer(layer));
  const name: NameRecord = { kind: 'committed', parent, content, labels, created, updated: created };
  putName(writer, client, nameOf(layer), name);
}

/** Records that this content is the top layer of the layer's chain. */
function recordChain(writer: Writer, layer: LayerIdentity, content: string, record: ContentRecord): void {
  if (!record.layer || record.layer.chainIDs.includes(layer.chainID)) return;
  const chainIDs = [...record.layer.chainIDs, layer.chainID];
  putContent(writer, content, { ...record, layer: { ...record.layer, chainIDs } });
}
