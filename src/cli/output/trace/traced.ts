import { writeFileAtomic } from '../../../system/write-file.js';

/**
 * Runs a command, and writes what its threads did to a file. The file is written after a failure too, because a trace shows
 * where the command was.
 *
 * @param file undefined: the command runs without a trace
 * @param name of the command, for the title
 * @throws what `run` throws; LayerhookError NO_SPACE, SYSTEM if the file cannot be written
 */
export async function traced<T>(file: string | undefined, name: string, run: () => Promise<T>): Promise<T> {
  if (file === undefined) return run();
  const { endTrace, span, startTrace } = await import('../../../system/trace.js');
  const { rowsOf } = await import('./rows.js');
  // before the work: a path that cannot be written costs no time
  writeFileAtomic(file, '');
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
    writeFileAtomic(file, draw(rows, name));
  }
}
