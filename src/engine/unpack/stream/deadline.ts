/** The time that a reader of a layer may take, and the operation that it belongs to: whichever ends first aborts `signal`. */
export class Deadline {
  readonly #seconds: number;
  readonly #operation: AbortSignal;
  readonly #late: (seconds: number) => Error;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #stop = () => {};

  /**
   * @param seconds 0: without limit
   * @param late makes the reason of a `signal` whose time is over
   */
  constructor(seconds: number, operation: AbortSignal, late: (seconds: number) => Error) {
    this.#seconds = seconds;
    this.#operation = operation;
    this.#late = late;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Begins to count. @param stop called if `signal` is aborted */
  start(stop: () => void = () => {}): void {
    this.#stop = stop;
    this.#operation.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#operation.aborted) this.#onAbort();
    if (this.#seconds > 0)
      this.#timer = setTimeout(() => this.abort(this.#late(this.#seconds)), this.#seconds * 1000);
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.#stop();
  }

  /** Ends the count. */
  end(): void {
    clearTimeout(this.#timer);
    this.#operation.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => this.abort(this.#operation.reason);
}
