// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal's control sequences
import test from 'ava';
import { painter } from '../../src/terminal/paint.js';
import { renderProgress } from '../../src/terminal/progress/render.js';
import { formatBytes, formatSeconds } from '../../src/terminal/quantities.js';
import { formatCount } from '../../src/text/counted.js';
import { fixture, run } from '../cli/run.js';
import { play, runOnTerminal } from '../cli/terminal.js';
import { requires } from '../helpers/requires.js';

const onTerminal = (columns: number, ...args: string[]) => runOnTerminal(columns, fixture, args);

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

const layerStates = Array.from({ length: 120 }, (_, index) => ({
  digest: `sha256:${index}`,
  size: 100,
  blobBytes: index < 50 ? 100 : index < 70 ? 50 : 0,
  bytes: 1_000_000,
  entries: 1234,
  state: index < 50 ? ('done' as const) : index < 70 ? ('active' as const) : ('waiting' as const),
}));
const idle = { layers: [], work: undefined, phase: undefined, began: 0 };

test('many layers do not flood the screen: those at work are shown, and the total', (t) => {
  const lines = renderProgress({ ...idle, layers: layerStates }, 110, painter(false), 12_000);
  t.is(lines.length, 9);
  t.regex(lines[0]!, /^layer 51\/120 50 +\[#+·+\] +50% {2}1\.0 MB {2}1,234 files$/);
  t.regex(
    lines[8]!,
    /^total 50\/120 layers +\[#+·+\] +50% {2}120\.0 MB {2}148,080 files {2}10\.0 MB\/s {2}12 s left$/,
  );
});

test('work shows bytes, files, speed and time left; without a total, no share', (t) => {
  const progress = { done: 50, total: 200, bytes: 3_000_000, entries: 12 };
  const render = (more: object, now: number) =>
    renderProgress({ ...idle, work: { name: 'pack', ...progress, ...more } }, 100, painter(false), now);
  t.regex(
    render({}, 30_000)[0]!,
    /^packing the layer \[#+·+\] +25% {2}3\.0 MB {2}12 files {2}100\.0 kB\/s {2}1:30 left$/,
  );
  t.regex(render({}, 500)[0]!, /^packing the layer \[#+·+\] +25% {2}3\.0 MB {2}12 files$/);
  t.deepEqual(render({ total: 0 }, 30_000), ['packing the layer  3.0 MB  12 files  100.0 kB/s']);
  t.deepEqual(renderProgress({ ...idle, phase: 'delta' }, 100, painter(false), 1), ['looking for changes …']);
});

test('no line is wider than the terminal', (t) => {
  const work = { name: 'pack' as const, done: 50, total: 200, bytes: 3_000_000, entries: 12 };
  for (let width = 1; width < 140; width++)
    for (const state of [
      { ...idle, layers: layerStates },
      { ...idle, work },
      { ...idle, phase: 'mtree' as const },
    ])
      for (const line of renderProgress(state, width, painter(false), 30_000))
        t.true(line.length <= Math.max(width - 1, 0), `${line.length} of ${width}: ${line}`);
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
  t.deepEqual([0.2, 59.5, 65, 7205].map(formatSeconds), ['1 s', '1:00', '1:05', '2:00:05']);
  t.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
});
