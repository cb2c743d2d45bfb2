import { tmpdir } from 'node:os';
import { LayerhookError } from '../../errors/index.js';
import type { ArchiveResult, PoststopContext } from '../../points/points.js';
import { closeOperation, openOperation } from '../operation.js';
import type { OperationOptions } from '../operation-options.js';

type Optional = 'containerPaths' | 'identity';

/**
 * What is to be archived: the context of the point, without what the engine puts in. Without `containerPaths` symlinks
 * on the way to the destination are followed nowhere; without `identity` nothing is noted.
 */
export type ArchiveRequest = Omit<PoststopContext, 'signal' | 'log' | Optional> &
  Partial<Pick<PoststopContext, Optional>>;

/**
 * Archives the upperdir of a container that has stopped: asks the hooks at `runtime.ociv1.container.poststop-archive`,
 * those of hooks.toml first, the overlay driver last.
 *
 * @throws LayerhookError ARCHIVE_DESTINATION, ARCHIVE_UPPERDIR, NO_SPACE, FILE_CHANGED, SYSTEM, those of images for the
 *   method `oci`, HOOK_FAILED and its like
 */
export async function archiveUpperdir(
  request: ArchiveRequest,
  options: Pick<OperationOptions, 'hooks' | 'hooksFile' | 'signal' | 'log'> = {},
): Promise<ArchiveResult> {
  // no store is used, and that of root cannot be looked at in a user namespace
  const operation = await openOperation({ ...options, driver: 'overlay', store: tmpdir() });
  try {
    const point = 'runtime.ociv1.container.poststop-archive';
    const outcome = await operation.dispatcher.first(point, {
      containerPaths: ['/'],
      identity: '',
      ...request,
    });
    if (outcome.handled) return outcome.result;
    const { destination: path, method } = request;
    const expected = 'use one of copy, tar, tar.gz, tar.zst, oci';
    throw new LayerhookError('ARCHIVE_DESTINATION', { path, reason: `unknown method ${method}`, expected });
  } finally {
    await closeOperation(operation);
  }
}
