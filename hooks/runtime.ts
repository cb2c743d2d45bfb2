/**
 * layerhook-runtime: an OCI runtime that adds hooks to the config.json of the container that starts, and becomes the
 * real runtime, with the same pid. docs/runtime.md
 *
 * The script hooks/layerhook-runtime starts it, after it has recorded the process state that node changes.
 */
import { writeSync } from 'node:fs';
import { becomeRuntime, isLayerhookError, packageVersion } from 'layerhook';
import { markOwnProcess } from 'layerhook/system';

markOwnProcess();

// process.stderr would make the descriptor non-blocking, and the real runtime would inherit that
function say(line: string): void {
  try {
    writeSync(2, `layerhook-runtime: ${line}\n`);
  } catch {
    // stderr is closed
  }
}

becomeRuntime(process.argv.length - 2, { say, version: packageVersion }).catch((error: unknown) => {
  say(
    isLayerhookError(error)
      ? `${error.message} (${error.hint})`
      : `internal error: ${(error as Error).stack}`,
  );
  process.exit(1);
});
