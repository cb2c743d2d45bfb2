import { LayerhookError } from '../../errors/index.js';

/** A layer that is being decompressed. */
export interface ZstdLayer {
  digest: string;
  /** binary logarithm of the largest window in bytes */
  windowLog: number;
}

/** Converts an error of zstd. A window that is too large has a limit to raise; any other error means corrupt data. */
export function zstdError(error: Error, { digest, windowLog }: ZstdLayer): LayerhookError {
  // node and libzstd both give the text of ZSTD_getErrorName()
  if (error.message.includes('requires too much memory')) {
    const what = `window of the zstd stream of layer ${digest}`;
    const limit = `${2 ** windowLog} bytes, which --zstd-window raises up to 2GiB`;
    return new LayerhookError('LIMIT_EXCEEDED', { what, limit }, error);
  }
  return new LayerhookError('COMPRESSION_CORRUPT', { digest, format: 'zstd', reason: error.message }, error);
}
