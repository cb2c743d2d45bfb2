import type { ArchiveMethod, ArchiveResult, PoststopContext } from '../../points/points.js';
import { archiveAsCopy } from './copy.js';
import { archiveAsLayer } from './layer.js';
import { archiveAsTar } from './tar.js';

/**
 * All archive methods. Each archives the changes of a container: the archive appears complete or not at all, and is on disk
 * when the promise resolves.
 */
export const archiveMethods: Record<ArchiveMethod, (context: PoststopContext) => Promise<ArchiveResult>> = {
  copy: archiveAsCopy,
  tar: (context) => archiveAsTar(context, 'none'),
  'tar.gz': (context) => archiveAsTar(context, 'gzip'),
  'tar.zst': (context) => archiveAsTar(context, 'zstd'),
  oci: archiveAsLayer,
};
