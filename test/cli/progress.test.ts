// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal's control sequences
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { painter } from '../../src/cli/output/paint.js';
import { renderProgress } from '../../src/cli/output/progress.js';
import { formatBytes, formatCount } from '../../src/cli/output/quantities.js';
import { requires } from '../helpers/requires.js';
import { fixture, run } from './run.js';

/** Runs the fixture on a terminal of its own, of 25 rows and `columns` columns; returns what it wrote there. */
function onTerminal(columns: number, ...args: string[]): string {
  const command = `stty cols ${columns} rows 25; exec ${process.execPath} ${fixture} ${args.join(' ')}`;
  return spawnSync('script', ['-qfec', command, '/dev/null'], { encoding: 'utf8' }).stdout;
}

/** What is on the screen at the end, and the highest number of lines redrawn together. */
function play(output: string): { screen: string[]; highest: number; widest: number } {
  const screen: string[] = [''];
  let row = 0;
  let highest = 0;
  let widest = 0;
  for (const [token, up] of output.matchAll(/\u001b\[(\d+)A|\u001b\[J|\u001b\[\d+m|\r|\n|[^\u001b\r\n]+/g)) {
    if (up !== undefined) {
      row -= Number(up);
      highest = Math.max(highest, Number(up));
    } else if (token === '\n') {
      row++;
      screen[row] ??= '';
    } else if (token === '\u001b[J') {
      screen.length = row;
      screen[row] = '';
    } else if (!token.startsWith('\u001b') && token !== '\r') {
      screen[row] += token;
      widest = Math.max(widest, screen[row]!.length);
    }
  }
  return { screen: screen.filter((line) => line !== ''), highest, widest };
}

test('on a terminal bars are shown, and nothing of them is left', (t) => {
  if (!requires(t, 'script')) return;
  for (const columns of [120, 60, 20]) {
    const output = onTerminal(columns, 'work');
    const { screen, highest, widest } = play(output);
    t.deepEqual(screen, ['layerhook: warning: a word in between', 'finished']);
    t.true(highest >= 2 && highest <= 9, `${highest} lines redrawn`);
    t.true(widest < Math.max(columns, 38), `${widest} columns of ${columns}`);
    t.regex(output, /total|assemble/);
  }
});

test('progress is redrawn at most ten times a second', (t) => {
  if (!requires(t, 'script')) return;
  const began = performance.now();
  const output = onTerminal(100, 'work');
  const most = (performance.now() - began) / 100 + 4;
  const redrawn = output.split('\u001b[J').length;
  t.true(redrawn > 3 && redrawn <= most, `redrawn ${redrawn} times, at most ${most}`);
});

test('progress is off without a terminal, with --quiet and with --log-format=json', (t) => {
  t.is(run('work').stderr, 'layerhook: warning: a word in between\n');
  if (!requires(t, 'script')) return;
  t.is(onTerminal(80, '--quiet', 'work'), 'finished\r\n');
  t.notRegex(onTerminal(80, '--log-format=json', 'work'), /\u001b/);
});

test('many layers do not flood the screen: those at work are shown, and the total', (t) => {
  const layers = Array.from({ length: 120 }, (_, index) => ({
    digest: `sha256:${index}`,
    size: 100,
    blobBytes: index < 50 ? 100 : index < 70 ? 50 : 0,
    bytes: 1_000_000,
    entries: 1234,
    state: index < 50 ? ('done' as const) : index < 70 ? ('active' as const) : ('waiting' as const),
  }));
  const lines = renderProgress({ layers, phase: '' }, 100, painter(false));
  t.is(lines.length, 9);
  t.regex(lines[0]!, /^layer 51\/120 50 +\[#+·+\] +50% {2}1\.0 MB {2}1,234 files$/);
  t.regex(lines[8]!, /^total 50\/120 layers +\[#+·+\] +50% {2}120\.0 MB {2}148,080 files$/);
  for (let width = 1; width < 140; width++) {
    for (const line of renderProgress({ layers, phase: '' }, width, painter(false))) {
      t.true(line.length <= Math.max(width - 1, 0), `${line.length} of ${width}: ${line}`);
    }
  }
});

test('quantities', (t) => {
  t.deepEqual([0, 999, 1000, 999_949, 999_950, 12_345_678, 5e12].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '999.9 kB',
    '1.0 MB',
    '12.3 MB',
    '5.0 TB',
  ]);
  t.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
});
