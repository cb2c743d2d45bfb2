import { setTimeout as sleep } from 'node:timers/promises';
import { hookEnvironment } from '../../../config/environment.js';
import { type ProcessEnd, runProcess } from '../../../config/process.js';
import { isLayerhookError } from '../../../errors/index.js';
import { close } from '../../../system/files.js';
import { makePipe } from '../../../system/pipe.js';
import { StatBuffer, statAt } from '../../../system/stat.js';
import type { Deadline } from './deadline.js';
import { isReaderEnded, type Sink } from './sink.js';
import { closeTarget, removeTarget, type Target } from './target.js';

/** How long a program that has closed its input may take to say why, ms. */
const lastWords = 1000;

/** A program that reads the tar from its standard input. It sees the end of the input only if the layer is verified. */
export class Command implements Sink {
  readonly what: string;
  readonly isFile = false;
  readonly stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #argv: [string, ...string[]];
  readonly #target: Target | null;
  readonly #deadline: Deadline;
  readonly #onLine: (line: string) => void;
  #pipe = -1;
  #running: Promise<ProcessEnd> | undefined;
  /** how the program ended by itself */
  #end: ProcessEnd | undefined;

  /**
   * @param target what the program makes
   * @param onLine gets each line of its stderr
   * @throws Error if the target exists
   */
  constructor(
    argv: [string, ...string[]],
    target: Target | null,
    deadline: Deadline,
    onLine: (line: string) => void,
  ) {
    if (target !== null && statAt(target.directory, target.name, new StatBuffer()))
      throw new Error(`${target.path} exists already`);
    this.what = argv[0];
    this.#argv = argv;
    this.#target = target;
    this.#deadline = deadline;
    this.#onLine = onLine;
  }

  open(): number {
    this.#deadline.start(this.#stopWriting);
    this.#deadline.signal.throwIfAborted();
    const { read, write } = makePipe();
    this.#pipe = write;
    const env = hookEnvironment('unpack.ociv1.layer.pre-extract', {});
    this.#running = runProcess(
      { argv: this.#argv, env, cwd: '/', maxOutput: null },
      { input: { pipe: read }, signal: this.#deadline.signal, onLine: this.#onLine },
    );
    this.#running
      .then(
        (end) => (this.#end = end),
        () => {},
      )
      .finally(this.#stopWriting);
    return write;
  }

  async finish(): Promise<void> {
    this.#closePipe();
    const end = await this.#running!;
    this.#deadline.end();
    if (end.status !== 0) throw failure(this.what, end);
  }

  async fail(error: unknown): Promise<unknown> {
    const { signal } = this.#deadline;
    if (isReaderEnded(error) && !signal.aborted)
      await Promise.race([this.#running, sleep(lastWords)]).catch(() => {});
    const isLate = signal.aborted;
    const own = this.#end;
    this.#deadline.abort(error);
    const failed = await this.#running?.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    this.#deadline.end();
    this.#closePipe();
    this.undo();
    if (isLate) return signal.reason;
    // a small layer fits into the pipe before it is known that no program will read it
    const isOfProgram = isReaderEnded(error) || error === failed;
    if (isOfProgram && isLayerhookError(failed, 'HOOK_MISSING'))
      return new Error(`${this.what} cannot be run: ${failed.details.reason}`, { cause: failed });
    if (!isReaderEnded(error)) return error;
    if (own !== undefined && own.status !== 0) return failure(this.what, own);
    return new Error(`${this.what} stopped reading before the end of the layer`, { cause: error });
  }

  undo(): void {
    if (this.#target !== null) removeTarget(this.#target);
    this.close();
  }

  close(): void {
    if (this.#target !== null) closeTarget(this.#target);
  }

  readonly #stopWriting = (): void => {
    Atomics.store(new Int32Array(this.stop), 0, 1);
  };

  #closePipe(): void {
    if (this.#pipe >= 0) close(this.#pipe);
    this.#pipe = -1;
  }
}

function failure(program: string, { how, lastLine }: ProcessEnd): Error {
  return new Error(`${program}: ${how}${lastLine === '' ? '' : `: ${lastLine}`}`);
}
