import type { Row } from './rows.js';

/** Pixels of the drawing. */
const width = 1200;
const labelWidth = 190;
const rowHeight = 26;
const inset = 4;
/** Shorter spans, in pixels, are drawn together with their neighbours. */
const leastWidth = 0.25;

const colors: Record<string, string> = {
  read: '#7fb3d5',
  inflate: '#e59866',
  'read and inflate': '#e59866',
  hash: '#f7dc6f',
  apply: '#82c99b',
  stream: '#82c99b',
  manifest: '#5dade2',
  deflate: '#e59866',
  commit: '#af7ac5',
  wait: '#ffffff',
};
const otherColor = '#c5cbd3';

type Span = Row['spans'][number];

/** Returns a drawing: time from left to right, a row for each thread, a legend below. */
export function traceSvg(rows: readonly Row[], title: string): string {
  const all = rows.flatMap(({ spans }) => spans);
  const start = all.reduce((least, span) => Math.min(least, span.start), Number.POSITIVE_INFINITY);
  const end = all.reduce((most, span) => Math.max(most, span.end), start + 1);
  const scale = (width - labelWidth) / (end - start);
  const x = (time: number) => labelWidth + (time - start) * scale;
  const bottom = 40 + rows.length * rowHeight;
  const seconds = ((end - start) / 1e6).toFixed(3);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 30}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#f4f6f8"/>`,
    `<text x="8" y="20">${escapeXml(title)}: ${seconds} s</text>`,
    ...rows.flatMap((row, at) => drawRow(row, 32 + at * rowHeight, x)),
    ...legend(new Set(all.map(({ name }) => name)), bottom + 10),
    '</svg>\n',
  ].join('\n');
}

function drawRow({ name, spans }: Row, y: number, x: (time: number) => number): string[] {
  const label = `<text x="8" y="${y + 16}">${escapeXml(name)}</text>`;
  return [label, ...drawable(spans, x).map((span) => drawSpan(span, y, x))];
}

/** Joins spans of the same name that follow each other too closely to be seen apart. */
function drawable(spans: readonly Span[], x: (time: number) => number): Span[] {
  const drawn: Span[] = [];
  for (const span of spans) {
    const last = drawn.at(-1);
    const joins =
      last?.name === span.name && last.depth === span.depth && x(span.start) - x(last.end) < leastWidth;
    if (joins) drawn[drawn.length - 1] = { ...last, end: span.end };
    else if (x(span.end) - x(span.start) >= leastWidth) drawn.push(span);
  }
  return drawn;
}

function drawSpan({ name, about, start, end, depth }: Span, y: number, x: (time: number) => number): string {
  const shrink = Math.min(depth * inset, rowHeight - 10);
  const box = `x="${x(start).toFixed(2)}" y="${y + shrink / 2}" width="${(x(end) - x(start)).toFixed(2)}" height="${rowHeight - 4 - shrink}"`;
  const text = `${name} ${((end - start) / 1000).toFixed(1)} ms ${about}`;
  return `<rect ${box} fill="${colors[name] ?? otherColor}"><title>${escapeXml(text)}</title></rect>`;
}

function legend(names: Set<string>, y: number): string[] {
  const known = [...names].filter((name) => name in colors);
  return known.map((name, at) => {
    const left = 8 + at * 120;
    const box = `<rect x="${left}" y="${y}" width="12" height="12" fill="${colors[name]}" stroke="#888"/>`;
    return `${box}<text x="${left + 17}" y="${y + 11}">${escapeXml(name)}</text>`;
  });
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
