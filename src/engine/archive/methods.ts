import type { ArchiveMethod, ArchiveResult, PoststopContext } from '../../points/points.js';
import type { OnProgress } from '../../system/work-progress.js';
import { archiveAsCopy } from './copy.js';
import { archiveAsLayer } from './layer.js';
import { archiveAsTar } from './tar.js';

/**
 * All archive methods. Each archives the changes of a container: the archive appears complete or not at all, and is on disk
 * when the promise resolves.
 */
export const archiveMethods: Record<
  ArchiveMethod,
  (context: PoststopContext, onProgress?: OnProgress) => Promise<ArchiveResult>
> = {
  copy: archiveAsCopy,
  tar: (context, onProgress) => archiveAsTar(context, 'none', onProgress),
  'tar.gz': (context, onProgress) => archiveAsTar(context, 'gzip', onProgress),
  'tar.zst': (context, onProgress) => archiveAsTar(context, 'zstd', onProgress),
  oci: archiveAsLayer,
};
