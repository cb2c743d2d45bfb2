/** Key of `process` that {@link markOwnProcess} sets. A symbol of the registry: each file of the bundle has its own copy of this module. */
export const ownProcess = Symbol.for('layerhook.own-process');

/**
 * Says that this process runs layerhook alone. It then ends without the exit handlers of koffi, which can wait forever if
 * standard output or standard error cannot be flushed to the disk.
 */
export function markOwnProcess(): void {
  Object.defineProperty(process, ownProcess, { value: true });
}
