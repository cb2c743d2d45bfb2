import { insideRoot } from '../layer/generate/paths.js';
import type { Change } from '../layer/types.js';
import { type ByteString, fromText } from '../system/bytes.js';

/**
 * The changes that count: those neither at nor below a masked path, and of deletions only the highest, which takes
 * with it what was below. umoci-repack(1), `--mask-path`.
 *
 * @param maskPaths text, with or without a leading slash, as in `Config.Volumes`. As with umoci the rootfs itself
 *   cannot be masked: an image with the volume `/` could not be repacked
 */
export function filterChanges(changes: readonly Change[], maskPaths: readonly string[]): Change[] {
  const masked = new Set(maskPaths.map((path) => insideRoot(fromText(path))));
  masked.delete('.');
  const counting = changes.filter(({ path }) => !masked.has(path) && !isBelow(path, masked));
  const deleted = new Set(counting.filter(({ kind }) => kind === 'delete').map(({ path }) => path));
  return counting.filter(({ path }) => !isBelow(path, deleted));
}

/** Whether one of the directories above `path` is among `paths`. */
export function isBelow(path: ByteString, paths: ReadonlySet<ByteString>): boolean {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (paths.has(path.slice(0, end))) return true;
  }
  return false;
}
