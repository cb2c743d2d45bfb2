import { insideRoot } from '../../layer/generate/paths.js';
import type { Change } from '../../layer/types.js';
import { type ByteString, fromText } from '../../system/bytes.js';

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
  const isMasked = belowOneOf(masked);
  const counting = changes.filter(({ path }) => !masked.has(path) && !isMasked(path));
  const isDeleted = belowOneOf(
    new Set(counting.filter(({ kind }) => kind === 'delete').map(({ path }) => path)),
  );
  return counting.filter(({ path }) => !isDeleted(path));
}

/**
 * Gives a function that tells whether one of the directories above a path is among `paths`. It looks up only as many of
 * them as there are lengths of `paths`: a path may have 2048 directories above it, and a tree thousands of such paths.
 */
export function belowOneOf(paths: ReadonlySet<ByteString>): (path: ByteString) => boolean {
  const lengths = [...new Set([...paths].map(({ length }) => length))];
  return (path) =>
    lengths.some((length) => path.charCodeAt(length) === slash && paths.has(path.slice(0, length)));
}

const slash = '/'.charCodeAt(0);
