import { ratio, type TaskResult } from './measure.js';
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

/** Peers that all others are compared with. */
const references = ['umoci', 'GNU tar', 'rm -rf', 'node -e 0 (node 24)'];

/** The measurements of a task as a table in Markdown: medians, wall times with (min to max), and ratios to the peers. */
export function ratioTable({ image, task, results }: TaskResult): string {
  const peers = results.filter(({ name }) => references.includes(name));
  const rows = results.map(({ name, wall, cpu, memory }) => [
    name,
    spread(wall, (value) => value.toFixed(3)),
    median(cpu).toFixed(3),
    String(Math.round(median(memory) / 2 ** 20)),
    ...peers.map((peer) => ratio(wall, peer.wall).toFixed(3)),
  ]);
  const head = [
    `${task}: ${image}`,
    ...['wall (s)', 'CPU (s)', 'MiB'],
    ...peers.map((peer) => `wall / ${peer.name}`),
  ];
  return markdown(head, rows);
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
