/**
 * layerhook-runtime: an OCI runtime that adds hooks to the config.json of the container that is to be started, and
 * then becomes the real runtime, with the same pid. docs/runtime.md
 *
 * The script hooks/layerhook-runtime starts it, and notes what node changes.
 */
import { readFileSync, writeSync } from 'node:fs';
import { becomeRuntime, isLayerhookError } from 'layerhook';

// process.stderr would make the descriptor non-blocking, also for the runtime
function say(line: string): void {
  try {
    writeSync(2, `layerhook-runtime: ${line}\n`);
  } catch {
    // nobody reads it
  }
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

becomeRuntime(process.argv.length - 2, { say, version }).catch((error: unknown) => {
  say(
    isLayerhookError(error)
      ? `${error.message} (${error.hint})`
      : `internal error: ${(error as Error).stack}`,
  );
  process.exit(1);
});
