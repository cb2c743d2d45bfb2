import { LayerhookError } from '../../errors/index.js';
import type { Change } from '../../layer/types.js';
import type { DeltaContext, ImageContext } from '../../points/points.js';
import { exists } from '../../system/exists.js';
import { mtreePath } from '../bundle/metadata.js';
import type { Operation } from '../operation.js';
import { filterChanges } from './filter-changes.js';

/**
 * What changed in a bundle since it was unpacked: asked of the hooks and the driver, else found by comparing the
 * rootfs with umoci's mtree manifest. Masked paths are left out, and so is what lies below a deleted directory.
 *
 * @throws LayerhookError DELTA_UNAVAILABLE if no hook lists the changes and the mtree is missing
 */
export async function listChanges(
  operation: Operation,
  image: ImageContext,
  { maskPaths, refresh }: Pick<DeltaContext, 'maskPaths' | 'refresh'>,
): Promise<Change[]> {
  operation.onProgress({ type: 'phase', name: 'delta' });
  const file = mtreePath(image.bundle, image.manifestDescriptor.digest);
  const context: DeltaContext = { ...image, mtree: exists(file) ? file : null, maskPaths, refresh };
  const answer = await operation.dispatcher.first('repack.ociv1.layer.delta-list', context);
  const changes = answer.handled ? (answer.result as Change[]) : await compareWithMtree(context);
  return filterChanges(changes, maskPaths);
}

async function compareWithMtree({ bundle, rootfs, mtree, signal }: DeltaContext): Promise<Change[]> {
  if (!mtree)
    throw new LayerhookError('DELTA_UNAVAILABLE', {
      path: bundle,
      reason: 'no hook and no driver knows, and it has no mtree manifest',
    });
  const { mtreeDelta } = await import('./mtree-delta.js');
  return mtreeDelta({ rootfs, mtreeFile: mtree, signal });
}
