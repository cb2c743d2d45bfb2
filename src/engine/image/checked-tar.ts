import { counted } from '../../errors/counted.js';
import { LayerhookError, type Limits, limitOf, overLimit } from '../../errors/index.js';
import { detectCompression } from '../../layer/compression/detect.js';
import { BadTar } from '../../tar/bad.js';
import { blockBytes } from '../../tar/blocks.js';
import { checksumMatches, sumBlock } from '../../tar/header.js';
import { TarTail } from '../../tar/tail.js';

/**
 * Checks the headers of a tar, and yields all bytes unchanged. An empty tar is two blocks of zeros: pax(1), "ustar
 * Interchange Format".
 *
 * @param path names the tar in errors
 * @throws LayerhookError LAYER_TAR if the bytes are not an uncompressed tar; LIMIT_EXCEEDED for a tar that is too large or
 *   does not end; what `tar` throws
 */
export async function* checkedTar(
  tar: AsyncIterable<Buffer>,
  path: string,
  limits?: Limits,
): AsyncGenerator<Buffer> {
  const tail = new TarTail(path, limits);
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of withinLimit(tar, `uncompressed size of ${path}`, limits)) {
    head = head && Buffer.concat([head, chunk]);
    if (head && head.length < blockBytes) continue;
    if (head) checkHead(head, path);
    checkRest(tail, head ?? chunk, path, limits);
    yield head ?? chunk;
    head = null;
  }
  if (head) checkHead(head, path);
}

/**
 * Yields bytes unchanged, and counts them: a file that the user named may be an endless device.
 *
 * @param what the counted bytes and their file, for the error
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export async function* withinLimit(
  bytes: AsyncIterable<Buffer>,
  what: string,
  limits: Limits | undefined,
): AsyncGenerator<Buffer> {
  let count = 0;
  for await (const chunk of bytes) {
    count += chunk.length;
    if (count > limitOf(limits, 'unpacked'))
      throw overLimit('unpacked', `${what} (${counted(count, 'bytes')})`, limits);
    yield chunk;
  }
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

function checkRest(tail: TarTail, chunk: Buffer, path: string, limits: Limits | undefined): void {
  try {
    tail.push(chunk);
  } catch (error) {
    if (!(error instanceof BadTar)) throw error;
    throw new LayerhookError('LAYER_TAR', { path, reason: error.message }, error);
  }
  if (tail.bytes <= limitOf(limits, 'tar-tail')) return;
  throw overLimit(
    'tar-tail',
    `size of what follows the end of ${path} (${counted(tail.bytes, 'bytes')})`,
    limits,
  );
}
