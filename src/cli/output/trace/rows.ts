import type { Span } from '../../../system/trace.js';

/** Spans of one thread, in the order of their start. Any two of them are apart, or one is within the other. */
export interface Row {
  name: string;
  spans: (Span & { depth: number })[];
}

/** Arranges spans in rows. A thread whose spans overlap, such as the pool, gets several rows. */
export function rowsOf(spans: readonly Span[]): Row[] {
  const threads = new Map<string, OpenRow[]>();
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const rows = threads.get(span.thread) ?? [];
    threads.set(span.thread, rows);
    place(rows, span);
  }
  return [...threads].flatMap(([thread, rows]) =>
    rows.map(({ spans }, at) => ({ name: at === 0 ? thread : `${thread} (${at + 1})`, spans })),
  );
}

interface OpenRow {
  spans: Row['spans'];
  /** spans that have not ended at the start of the last one, outermost first */
  open: Span[];
}

function place(rows: OpenRow[], span: Span): void {
  for (const row of rows) {
    while (row.open.length > 0 && row.open.at(-1)!.end <= span.start) row.open.pop();
    if ((row.open.at(-1)?.end ?? Number.POSITIVE_INFINITY) >= span.end) {
      add(row, span);
      return;
    }
  }
  const row: OpenRow = { spans: [], open: [] };
  rows.push(row);
  add(row, span);
}

function add(row: OpenRow, span: Span): void {
  row.spans.push({ ...span, depth: row.open.length });
  row.open.push(span);
}
