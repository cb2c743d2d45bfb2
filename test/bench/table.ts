import { median, type Pair, ratios } from './pairs.js';

/** The measurements as a table in Markdown: medians with (min to max), and the ratios of the pairs. */
export function benchTable(pairs: Pair[], unit: (value: number) => string): string {
  const rows = pairs.map((pair) => [
    pair.task,
    `${pair.ours.name} ${spread(pair.ours.values, unit)}`,
    `${pair.peer.name} ${spread(pair.peer.values, unit)}`,
    spread(ratios(pair), (value) => value.toFixed(3)),
    pair.target === undefined ? '' : verdict(pair, pair.target),
  ]);
  return markdown(['task', 'ours', 'peer', 'ours / peer', 'target'], rows);
}

function verdict(pair: Pair, target: number): string {
  return `${median(ratios(pair)) <= target ? 'met' : 'MISSED'}: at most ${target.toFixed(3)}`;
}

function spread(values: number[], show: (value: number) => string): string {
  const middle = show(median(values));
  if (values.length === 1) return middle;
  return `${middle} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

function markdown(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
