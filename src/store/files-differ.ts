import { formatCounted } from '../text/counted.js';

/** Returns why a layer is damaged, for {@link Store.markDamaged}: `1 file differs`, `2 files differ`. */
export function filesDiffer(count: number): string {
  return `${formatCounted(count, 'files')} ${count === 1 ? 'differs' : 'differ'}`;
}
