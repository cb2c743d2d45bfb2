import { LayerhookError } from '../../errors/index.js';
import { detectCompression } from '../../layer/compression/detect.js';
import { blockBytes } from '../../tar/blocks.js';
import { checksumMatches, sumBlock } from '../../tar/header.js';

/**
 * Checks the first block of a tar, and yields all bytes unchanged. An empty tar is two blocks of zeros: pax(1), "ustar
 * Interchange Format".
 *
 * @param path names the tar in errors
 * @throws LayerhookError LAYER_TAR if the bytes are not an uncompressed tar, and what `tar` throws
 */
export async function* checkedTar(tar: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of tar) {
    head = head && Buffer.concat([head, chunk]);
    if (head && head.length < blockBytes) continue;
    if (head) checkHead(head, path);
    yield head ?? chunk;
    head = null;
  }
  if (head) checkHead(head, path);
}

function checkHead(head: Buffer, path: string): void {
  const compression = detectCompression(head);
  const sum = head.length < blockBytes ? 0 : sumBlock(head, 0);
  const isTar = head.length >= blockBytes && (sum === 0 || checksumMatches(head, 0, sum));
  if (compression === 'none' && isTar) return;
  const reason =
    compression === 'none' ? 'it does not begin with a tar header' : `it is compressed (${compression})`;
  throw new LayerhookError('LAYER_TAR', { path, reason });
}
