import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fsError } from '../../../errors/fs-error.js';
import { LayerhookError } from '../../../errors/index.js';
import type { Compression } from '../../../layer/types.js';
import {
  holesFlag,
  imageFlag,
  limitFlags,
  platformFlag,
  readCompress,
  readLimits,
  readMaxHoles,
  readPlatform,
  readSourceDateEpoch,
} from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { writeOut } from '../../output/streams.js';

const command = 'layerhook export';

export default defineCommand({
  usage: '[--output FILE] --image PATH[:TAG]',
  description: `Write the root filesystem of an image as one tar. The same image gives the
same bytes. SOURCE_DATE_EPOCH, if set, replaces newer times.

In the tar, a directory follows all files in it, so that its mode and times
are set last.`,
  examples: ['layerhook export --image image:base --output rootfs.tar'],
  arguments: [],
  options: {
    ...imageFlag,
    output: { value: 'FILE', alias: ['o'], describe: 'file for the tar; - is standard output (default: -)' },
    compress: { value: 'ALGORITHM', describe: 'compression of the tar: gzip, zstd or none (default: none)' },
    ...holesFlag,
    ...limitFlags,
    ...platformFlag,
  },
  async run(_, options, { signal }) {
    const { output = '-' } = options;
    const compress = readCompress({ compress: options.compress ?? 'none' });
    if (compress === 'auto') throw usageError('--compress auto has no layer to take it from', command);
    if (output === '-' && process.stdout.isTTY)
      throw usageError('a tar cannot go to a terminal; name a file with --output', command);
    const { exportImage } = await import('../../../engine/image/export.js');
    const tar = exportImage({
      image: options.image,
      ...readPlatform(options),
      maxHoles: readMaxHoles(options, command),
      sourceDateEpoch: readSourceDateEpoch(command),
      ...readLimits(options, command),
      signal,
    });
    if (output === '-' || (await isStandardOutput(output))) return print(tar, compress, signal);
    const special = await open(output, signal);
    if (special === null) await replace(output, tar, compress, signal);
    else await send(special, output, tar, compress, signal);
  },
});

async function isStandardOutput(file: string): Promise<boolean> {
  const { descriptorOf } = await import('../../files/output.js');
  return descriptorOf(file) === 1;
}

async function print(tar: AsyncIterable<Buffer>, compress: Compression, signal: AbortSignal): Promise<void> {
  try {
    await writeOut(compressed(tar, compress, signal), signal);
  } catch (error) {
    throw aborted(error, signal);
  }
}

async function* compressed(
  tar: AsyncIterable<Buffer>,
  compress: Compression,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { createCompressor } = await import('../../../layer/compression/index.js');
  const stream = await createCompressor(compress);
  const filled = pipeline(tar, stream, { signal });
  // the stream throws the same error
  filled.catch(() => {});
  yield* stream;
  await filled;
}

function aborted(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? new LayerhookError('ABORTED', { what: 'writing the tar' }, error) : error;
}

/** Opens a FIFO, device or descriptor. Returns null for a file that is replaced when the tar is complete. */
async function open(file: string, signal: AbortSignal): Promise<Writable | null> {
  const { openSpecial } = await import('../../files/output.js');
  try {
    return await openSpecial(file, signal);
  } catch (error) {
    throw fsError(error, `cannot write ${file}`);
  }
}

async function replace(
  file: string,
  tar: AsyncIterable<Buffer>,
  compress: Compression,
  signal: AbortSignal,
): Promise<void> {
  const { makeWhole } = await import('../../../system/temporary.js');
  const { writeTar } = await import('../../../layer/generate/write-file.js');
  try {
    await makeWhole(file, 'file', (fd) => writeTar(fd, file, tar, compress, { signal }));
  } catch (error) {
    throw fsError(error, `cannot write ${file}`);
  }
}

async function send(
  out: Writable,
  name: string,
  tar: AsyncIterable<Buffer>,
  compress: Compression,
  signal: AbortSignal,
): Promise<void> {
  const { createCompressor } = await import('../../../layer/compression/index.js');
  try {
    await pipeline(tar, await createCompressor(compress), out, { signal });
  } catch (error) {
    throw fsError(aborted(error, signal), `cannot write ${name}`);
  }
}
