import { LayerhookError, type Logger, verifyLayer } from 'layerhook';
import type { Store } from 'layerhook/store';

/**
 * Reads layers that may have been lost with the power, and compares them with what was extracted: a bundle has changes on
 * top of them, so that they cannot just be extracted again as a new bundle's are.
 *
 * @param doubted contents of the store that it does not trust
 * @throws LayerhookError STORE_DAMAGED if one is not what it was
 */
export async function proveLayers(store: Store, doubted: string[], log: Logger): Promise<void> {
  const contents = (await store.list()).filter(({ id }) => doubted.includes(id));
  log.info('the store was not written to disk before the last boot: verifying layers', {
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
    const why = deltas === null ? 'it cannot be verified' : `${deltas.length} files differ`;
    await store.markDamaged(content.id, why);
    log.warn(`layer ${content.layer?.chainIDs[0] ?? content.id} is damaged: ${why}`);
  }
  if (count > 0) throw new LayerhookError('STORE_DAMAGED', { count });
}
