/**
 * Runs a command, and writes what its threads did to a file. The file is written after a failure too, because a trace shows
 * where the command was.
 *
 * @param file undefined: the command runs without a trace
 * @param options.name of the command, for the title
 * @param options.signal ends the waiting for the reader of a FIFO
 * @throws what `run` throws; LayerhookError NO_SPACE, SYSTEM if the file cannot be written
 */
export async function traced<T>(
  file: string | undefined,
  { name, signal }: { name: string; signal: AbortSignal },
  run: () => Promise<T>,
): Promise<T> {
  if (file === undefined) return run();
  const { endTrace, span, startTrace } = await import('../../../system/trace.js');
  const { rowsOf } = await import('./rows.js');
  const { isReplaceable, writeOutput } = await import('../../files/output.js');
  // before the work: a path that cannot be written costs no time
  if (isReplaceable(file)) await writeOutput(file, '', signal);
  startTrace();
  const whole = span(name);
  try {
    return await run();
  } finally {
    whole();
    const rows = rowsOf(endTrace());
    const draw = file.endsWith('.svg')
      ? (await import('./svg.js')).traceSvg
      : (await import('./perfetto.js')).traceJson;
    await writeOutput(file, draw(rows, name), signal);
  }
}
