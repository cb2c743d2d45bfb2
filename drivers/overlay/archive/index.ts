import { type ArchiveResult, type Declined, declined, type PoststopContext } from 'layerhook';
import { archiveAsCopy } from './copy.js';
import { archiveAsLayer } from './layer.js';
import { archiveAsTar } from './tar.js';

const compressions = { tar: 'none', 'tar.gz': 'gzip', 'tar.zst': 'zstd' } as const;

/**
 * Archives what a container changed: as a copy of the upperdir, as a tar of it, or as a layer on top of an image.
 * The archive appears whole or not at all, and is on its disk then.
 */
export async function archiveUpper(context: PoststopContext): Promise<ArchiveResult | Declined> {
  const { method } = context;
  switch (method) {
    case 'copy':
      return archiveAsCopy(context);
    case 'tar':
    case 'tar.gz':
    case 'tar.zst':
      return archiveAsTar(context, compressions[method]);
    case 'oci':
      return archiveAsLayer(context);
    default:
      return declined;
  }
}
