import { LayerhookError } from '../../errors/index.js';
import { createDispatcher } from '../../points/dispatch.js';
import { type ArchiveResult, type Declined, declined, type PoststopContext } from '../../points/points.js';
import { silentLogger } from '../../system/logger.js';
import type { OnProgress } from '../../system/work-progress.js';
import { linkedController } from '../linked-controller.js';
import { configOf, operatorHooks } from '../operation.js';
import type { OperationOptions } from '../operation-options.js';
import { workTo } from '../progress.js';

const point = 'runtime.ociv1.container.poststop-archive';

type Optional = 'containerPaths' | 'identity';

/**
 * What to archive: the context of the point, without the fields that the engine adds. Without `containerPaths`, symlinks on
 * the way to the destination are not followed; without `identity`, nothing is recorded.
 */
export type ArchiveRequest = Omit<PoststopContext, 'signal' | 'log' | Optional> &
  Partial<Pick<PoststopContext, Optional>>;

/**
 * Archives the upperdir of a stopped container. The operator's hooks at `runtime.ociv1.container.poststop-archive` come
 * first; if they decline, layerhook archives it by the method that the request names.
 *
 * @throws LayerhookError ARCHIVE_DESTINATION, ARCHIVE_UPPERDIR, NO_SPACE, FILE_CHANGED, SYSTEM, those of images for the
 *   method `oci`, HOOK_FAILED and similar
 */
export async function archiveUpperdir(
  request: ArchiveRequest,
  options: Pick<OperationOptions, 'hooks' | 'hooksFile' | 'signal' | 'log' | 'onProgress'> = {},
): Promise<ArchiveResult> {
  const { log = silentLogger } = options;
  const onProgress = workTo(options.onProgress, 'archive');
  const archive = (context: PoststopContext) => archiveByMethod(context, onProgress);
  const own = { owner: 'layerhook', hooks: { [point]: archive }, ownErrors: true };
  const sources = [...operatorHooks(options, await configOf(options)), own];
  const { signal } = linkedController(options.signal);
  const context = { containerPaths: ['/'], identity: '', ...request };
  const outcome = await createDispatcher(sources, { log, signal }).first(point, context);
  if (outcome.handled) return outcome.result;
  // only a caller without types gets here
  const { destination: path, method } = request;
  const expected = `use one of ${Object.keys((await import('./methods.js')).archiveMethods).join(', ')}`;
  throw new LayerhookError('ARCHIVE_DESTINATION', { path, reason: `unknown method ${method}`, expected });
}

async function archiveByMethod(
  context: PoststopContext,
  onProgress: OnProgress | undefined,
): Promise<ArchiveResult | Declined> {
  const { archiveMethods } = await import('./methods.js');
  return Object.hasOwn(archiveMethods, context.method)
    ? archiveMethods[context.method](context, onProgress)
    : declined;
}
