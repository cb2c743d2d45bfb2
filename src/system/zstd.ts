/**
 * zstd for node before 22.15, which lacks it: libzstd through koffi, loaded on first use.
 *
 * The streaming functions of libzstd are stable API: zstd.h, "Streaming compression" and "Streaming decompression".
 */

/** The result of one call. */
interface ZstdStep {
  /** bytes read from the input */
  consumed: number;
  /** bytes written to the output */
  produced: number;
  /** 0: a frame is complete and completely in the output; otherwise an estimate of the remaining bytes */
  pending: number;
}

/** One compression or decompression stream of libzstd. Calls run in another thread, one at a time. */
export interface ZstdContext {
  /**
   * Processes `input` into `output` until one of the two is used up.
   *
   * @param end compression: the input is complete, finish the frame
   * @throws Error with zstd's message if the input is malformed
   */
  step(input: Buffer, output: Buffer, end: boolean): Promise<ZstdStep>;
  /** Frees the memory. Do not call it while a step runs. */
  free(): void;
}

export interface Libzstd {
  /** @param windowLog binary logarithm of the largest window in bytes */
  decompressor(windowLog: number): ZstdContext;
  compressor(level: number): ZstdContext;
}

/**
 * Loads libzstd.
 *
 * @throws Error of the dynamic loader if libzstd is not installed
 */
export async function loadLibzstd(): Promise<Libzstd> {
  const { default: koffi } = await import('koffi');
  // deep: if node includes zstd, the library must call its own functions, not node's functions with the same names
  const library = koffi.load('libzstd.so.1', { deep: true });
  // anonymous types, since koffi's named types are global and several threads may load this module
  const inBuffer = koffi.inout(koffi.pointer(koffi.struct({ src: 'void *', size: 'size_t', pos: 'size_t' })));
  const outBuffer = koffi.inout(
    koffi.pointer(koffi.struct({ dst: 'void *', size: 'size_t', pos: 'size_t' })),
  );
  const isError = library.func('ZSTD_isError', 'uint', ['size_t']);
  const errorName = library.func('ZSTD_getErrorName', 'str', ['size_t']);
  const check = (result: number | bigint): number => {
    if (isError(result)) throw new Error(errorName(result));
    return Number(result);
  };
  const createD = library.func('ZSTD_createDCtx', 'void *', []);
  const freeD = library.func('ZSTD_freeDCtx', 'size_t', ['void *']);
  const decompress = library.func('ZSTD_decompressStream', 'size_t', ['void *', outBuffer, inBuffer]);
  const createC = library.func('ZSTD_createCCtx', 'void *', []);
  const freeC = library.func('ZSTD_freeCCtx', 'size_t', ['void *']);
  const setParameterD = library.func('ZSTD_DCtx_setParameter', 'size_t', ['void *', 'int', 'int']);
  const setParameter = library.func('ZSTD_CCtx_setParameter', 'size_t', ['void *', 'int', 'int']);
  const compress = library.func('ZSTD_compressStream2', 'size_t', ['void *', outBuffer, inBuffer, 'int']);

  return {
    decompressor: (windowLog) => {
      const memory = created(createD());
      check(setParameterD(memory, windowLogMax, windowLog));
      const run: Run = (to, from, _end, done) => decompress.async(memory, to, from, done);
      return { step: stepBy(run, check), free: () => void freeD(memory) };
    },
    compressor: (level) => {
      const memory = created(createC());
      check(setParameter(memory, compressionLevel, level));
      check(setParameter(memory, checksumFlag, 1));
      const run: Run = (to, from, end, done) => compress.async(memory, to, from, directive(end), done);
      return { step: stepBy(run, check), free: () => void freeC(memory) };
    },
  };
}

/** ZSTD_outBuffer or ZSTD_inBuffer; `pos` counts the bytes that were used. */
type Used = { pos: number | bigint };
type Done = (failure: unknown, result: number | bigint) => void;
type Run = (
  to: Used & { dst: Buffer; size: number },
  from: Used & { src: Buffer; size: number },
  end: boolean,
  done: Done,
) => void;

function stepBy(run: Run, check: (result: number | bigint) => number): ZstdContext['step'] {
  return (input, output, end) =>
    new Promise((resolve, reject) => {
      const from = { src: input, size: input.length, pos: 0 };
      const to = { dst: output, size: output.length, pos: 0 };
      run(to, from, end, (failure, result) => {
        try {
          if (failure) throw failure;
          resolve({ pending: check(result), consumed: Number(from.pos), produced: Number(to.pos) });
        } catch (error) {
          reject(error);
        }
      });
    });
}

const windowLogMax = 100;
const compressionLevel = 100;
const checksumFlag = 201;

/** ZSTD_e_continue, ZSTD_e_end */
const directive = (end: boolean) => (end ? 2 : 0);

function created(memory: unknown): unknown {
  if (!memory) throw new Error('libzstd has no memory for a stream');
  return memory;
}
