import { type Limits, limitOf, overLimit } from '../errors/index.js';
import { type ByteString, showBytes } from '../system/bytes.js';

/** Uncompressed bytes below which the ratio of compression does not count: a small layer may be all zeros. */
const ratioCountsFrom = 16 * 2 ** 30;

/** Bytes of the name and target of a hardlink that no real image exceeds often. They cost nothing. */
export const shortLinkBytes = 512;

/** What the layers of one operation may cost. Threads share it. */
export interface LayerBudget {
  limits: Limits;
  /** bytes of the blobs, each counted once */
  blobBytes: number;
  /** BigInt64: see {@link slots} */
  taken: SharedArrayBuffer;
}

const slots = { unpacked: 0, entries: 1, 'header-bytes': 2, 'link-steps': 3, 'path-bytes': 4 } as const;
type Slot = keyof typeof slots;

/** @param blobBytes size of all blobs; default: no ratio is required */
export function layerBudget(limits: Limits = {}, blobBytes = Number.POSITIVE_INFINITY): LayerBudget {
  return {
    limits,
    blobBytes,
    taken: new SharedArrayBuffer(Object.keys(slots).length * BigInt64Array.BYTES_PER_ELEMENT),
  };
}

/**
 * Counts uncompressed bytes of a layer.
 *
 * @throws LayerhookError LIMIT_EXCEEDED: all layers together have too many, or too many for the size of their blobs
 */
export function takeUnpacked(budget: LayerBudget, bytes: number, digest: string): void {
  const total = take(budget, 'unpacked', bytes, `uncompressed size of all layers up to ${digest}`);
  if (total <= ratioCountsFrom) return;
  const { limits, blobBytes } = budget;
  if (total <= blobBytes * limitOf(limits, 'ratio')) return;
  const ratio = Math.round(total / Math.max(blobBytes, 1));
  throw overLimit('ratio', `compression ratio of all layers up to ${digest} (${ratio})`, limits);
}

/** Counts one entry of a layer. @throws LayerhookError LIMIT_EXCEEDED */
export function takeEntry(budget: LayerBudget, digest: string): void {
  take(budget, 'entries', 1, `number of entries of all layers up to ${digest}`);
}

/**
 * Counts a path that is kept to the end of a layer: a few bytes of a layer can make many of them.
 *
 * @param path of the entry, for the error
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export function takePath(budget: LayerBudget, bytes: number, path: string): void {
  if (bytes > 0) take(budget, 'path-bytes', bytes, `size of the paths that layers keep, up to ${path}`);
}

/**
 * Counts the paths of an entry that a reader keeps to the end of the layer: those of whiteouts and long hardlinks.
 *
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export function takeKeptPath(
  budget: LayerBudget,
  { type, path, linkname }: { type: string; path: ByteString; linkname: ByteString },
): void {
  if (type === 'whiteout' || type === 'opaque') takePath(budget, path.length, showBytes(path));
  else if (type === 'hardlink')
    takePath(budget, path.length + linkname.length - shortLinkBytes, showBytes(path));
}

/** Counts an extended header. @throws LayerhookError LIMIT_EXCEEDED */
export function takeHeader(budget: LayerBudget, bytes: number, digest: string): void {
  take(budget, 'header-bytes', bytes, `size of the extended headers of all layers up to ${digest}`);
}

/** Counts the components of a symlink's target that is followed. @throws LayerhookError LIMIT_EXCEEDED */
export function takeLinkSteps(budget: LayerBudget, steps: number, name: string): void {
  take(budget, 'link-steps', steps, `path components that symlinks add, up to entry ${name}`);
}

function take({ limits, taken }: LayerBudget, slot: Slot, amount: number, what: string): number {
  const total = Number(Atomics.add(new BigInt64Array(taken), slots[slot], BigInt(amount))) + amount;
  if (total > limitOf(limits, slot)) throw overLimit(slot, `${what} (${total})`, limits);
  return total;
}
