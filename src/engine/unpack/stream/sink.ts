/** Where the tar of one layer goes, from the side of the engine. */
export interface Sink {
  /** the file or program, for errors */
  what: string;
  /** true: a regular file, whose writes need no reader */
  isFile: boolean;
  /** one Int32: not 0 ends a wait for the reader */
  stop: SharedArrayBuffer;
  /** Returns a descriptor for writing, when a thread is free for the layer. The sink closes it after the last write. */
  open(): number | Promise<number>;
  /** Called when all is written and verified: the result gets its name, or the program may end. @throws as {@link fail} */
  finish(): void | Promise<void>;
  /**
   * Called when the layer has failed, and no thread writes: ends the program and removes the result.
   *
   * @returns the reason to report
   */
  fail(error: unknown): unknown;
  /** Removes the result of {@link finish}, for which no hook will ask. */
  undo(): void;
  /** Frees what a finished sink holds. */
  close(): void;
}

/** True for the ReaderEnded of src/layer/apply, which comes from another thread. */
export function isReaderEnded(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReaderEnded';
}
