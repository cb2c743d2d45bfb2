import { LayerhookError } from '../../errors/index.js';
import { preciseNow } from '../../system/clock.js';
import { type Context, keptLabels, requireCommitted } from '../context/context.js';
import { labelsOfLayer, refLabel } from '../context/labels.js';
import { requireFreeText } from '../context/name.js';
import { contentsOfChain, getContent, getName, putName, usersOf } from '../metadata/records.js';
import { replaceUnusable } from '../snapshots/supersede.js';
import type { AdoptOptions, LayerIdentity } from '../types.js';
import { sharedContent } from './find.js';

/** Implements Store's `adopt`. @throws LayerhookError SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION, NO_SPACE, SYSTEM */
export function adoptLayer(
  context: Context,
  name: string,
  layer: LayerIdentity,
  parent: string,
  options: AdoptOptions = {},
): boolean {
  const { db, client, directories } = context;
  requireFreeText('snapshot name', name);
  const freed = db.write((writer) => {
    const content = sharedContent(context, writer, layer, undefined);
    if (content === undefined) return undefined;
    // the chainID of the lowest layer is its diffID; image-spec config.md, "Layer ChainID"
    if (options.onlyLowest && getContent(writer, content).layer?.diffID !== layer.chainID) return undefined;
    if (getName(writer, client, name)) throw new LayerhookError('SNAPSHOT_EXISTS', { name });
    if (parent !== '') requireCommitted(writer, client, parent);
    const labels = keptLabels({ ...options.labels, ...labelsOfLayer(layer) });
    const created = preciseNow();
    putName(writer, client, name, { kind: 'committed', parent, content, labels, created, updated: created });
    return layer.map === '' ? replaceUnusable(context, writer, layer.chainID, content) : [];
  });
  directories.remove(freed ?? []);
  return freed !== undefined;
}

/** Implements Store's `namesOf`. @throws LayerhookError SYSTEM */
export function namesOfLayer({ db, client }: Context, layer: LayerIdentity, parent: string): string[] {
  const { chainID, map } = layer;
  return db.read((reader) => {
    const users = contentsOfChain(reader, chainID, map).flatMap((content) => usersOf(reader, content));
    const own = users.filter((user) => user.client === client).map(({ name }) => name);
    return own.filter((name) => {
      const record = getName(reader, client, name);
      if (record?.kind !== 'committed' || record.parent !== parent) return false;
      return record.labels[refLabel] === chainID;
    });
  });
}
