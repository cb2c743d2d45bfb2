import { LayerhookError, type Logger, verifyLayer } from 'layerhook';
import { filesDiffer, type Store } from 'layerhook/store';

/**
 * Verifies layers that a power failure may have damaged, by comparing them with the records of their extraction. A bundle has
 * changes on top of them, so they cannot be extracted again as for a new bundle.
 *
 * @param doubted IDs of contents that the store does not trust
 * @throws LayerhookError STORE_DAMAGED if a layer differs
 */
export async function proveLayers(store: Store, doubted: string[], log: Logger): Promise<void> {
  const contents = (await store.list()).filter(({ id }) => doubted.includes(id));
  log.info('the last boot came before the store was written to disk: verifying layers', {
    layers: contents.length,
  });
  let count = 0;
  for (const content of contents) {
    const deltas = await verifyLayer(content);
    if (deltas?.length === 0) {
      await store.markVerified(content.id);
      continue;
    }
    count++;
    const why = deltas === null ? 'it cannot be verified' : filesDiffer(deltas.length);
    await store.markDamaged(content.id, why);
    log.warn(`layer ${content.layer?.chainIDs[0] ?? content.id} is damaged: ${why}`);
  }
  if (count > 0) throw new LayerhookError('STORE_DAMAGED', { count });
}
