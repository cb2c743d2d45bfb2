import type { Row } from './rows.js';

/**
 * Returns a trace that Perfetto (ui.perfetto.dev) and Chrome read: "Trace Event Format", complete events with times in
 * microseconds.
 */
export function traceJson(rows: readonly Row[]): string {
  const { pid } = process;
  const events = rows.flatMap(({ name, spans }, tid) => [
    { name: 'thread_name', ph: 'M', pid, tid, args: { name } },
    { name: 'thread_sort_index', ph: 'M', pid, tid, args: { sort_index: tid } },
    ...spans.map(({ name, about, start, end }) => ({
      ...{ name, ph: 'X', pid, tid, ts: start, dur: end - start },
      ...(about && { args: { about } }),
    })),
  ]);
  return `{"traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}
