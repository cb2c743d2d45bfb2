/**
 * Measures layerhook against its peers on tmpfs, or in `$BENCH_DIR`: `npm run bench [-- OPTIONS]`. docs/performance.md says
 * what it needs, and how to read it.
 *
 *   --rounds N             rounds that count (default: 5)
 *   --images NAMES         of five, small, full, layers, large, try (default: the first four)
 *   --drivers NAMES        of copy, overlay, erofs, btrfs (default: all)
 *   --tasks NAMES          of cold, second, repack, remove (default: all)
 *   --out DIR              where results.json and chart.svg go (default: docs/bench)
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mountBtrfs } from '../drivers/btrfs/loop.js';
import { benchChart } from './chart.js';
import * as contestant from './contestants.js';
import { images } from './images.js';
import { type Contestant, measure, type TaskResult } from './measure.js';
import { type Node, startNode } from './node.js';
import { ratioTable } from './table.js';
import { env, nodes, removeAll, scratch } from './tools.js';

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    images: { type: 'string', default: 'five,small,full,layers' },
    drivers: { type: 'string', default: 'copy,overlay,erofs,btrfs' },
    tasks: { type: 'string', default: 'cold,second,repack,remove' },
    out: { type: 'string', default: 'docs/bench' },
  },
});
const rounds = Number(given.rounds);
const GiB = 2 ** 30;

const results: TaskResult[] = [];
const daemons = join(scratch, 'daemons');
mkdirSync(daemons);
const containerd = await startNode(daemons);
try {
  const ours = ourWays();
  for (const name of given.images.split(',')) await measureImage(name, ours);
} finally {
  await containerd.stop();
  removeAll();
}
save();

function ourWays(): contestant.Ours[] {
  const drivers = given.drivers.split(',');
  const btrfs = drivers.includes('btrfs') ? mountBtrfs(scratch, { size: 6 * GiB }).mountpoint : '';
  return nodes().flatMap((node) =>
    drivers.map((driver) => ({ driver, node, dir: driver === 'btrfs' ? btrfs : scratch })),
  );
}

async function measureImage(name: string, ours: contestant.Ours[]): Promise<void> {
  const chosen = images[name];
  if (chosen === undefined) throw new Error(`no image ${name}: use ${Object.keys(images).join(', ')}`);
  const { title, make } = chosen;
  const arena = { dir: join(scratch, 'arena'), layout: join(scratch, 'arena/layout') };
  mkdirSync(arena.dir);
  await make(arena.layout);
  const show = (task: string, contestants: readonly Contestant[]) => {
    const result = { image: title, task, results: measure(contestants, rounds, env) };
    results.push(result);
    console.log(`${ratioTable(result)}\n`);
  };
  const tasks: Record<string, () => void> = {
    cold: () => show('cold unpack', cold(ours, arena, containerd)),
    second: () => show('second unpack', second(ours, arena)),
    repack: () => {
      for (const [what, change] of Object.entries(contestant.changes)) {
        const mine = ours.map((way) => contestant.repackOurs(way, arena, change));
        show(`repack, ${what} added`, [...mine, contestant.umociRepack(arena, change), ...alone(ours)]);
        endAll(ours, arena);
      }
    },
    remove: () =>
      show('remove a bundle and its layers', [
        ...ours.map((way) => contestant.removeOurs(way, arena)),
        contestant.rmRf(arena),
      ]),
  };
  for (const task of given.tasks.split(',')) {
    // its layer is for cold unpacks only
    if (name === 'large' && task !== 'cold') continue;
    tasks[task]!();
    endAll(ours, arena);
  }
  removeAll(arena.dir);
}

function cold(ours: contestant.Ours[], arena: contestant.Arena, containerd: Node): Contestant[] {
  const archive = contestant.archiveOf(arena);
  return [
    ...ours.map((way) => contestant.coldOurs(way, arena)),
    contestant.umociCold(arena),
    contestant.gnuTar(arena),
    contestant.containerdImport(containerd, archive),
    contestant.podmanLoad(arena, archive),
  ];
}

function second(ours: contestant.Ours[], arena: contestant.Arena): Contestant[] {
  const mine = ours.map((way) => contestant.secondOurs(way, arena)).filter((one) => one !== null);
  return [...mine, contestant.umociCold(arena), ...alone(ours)];
}

/** The start of node, which no command can be faster than. */
function alone(ours: contestant.Ours[]): Contestant[] {
  return [...new Set(ours.map(({ node }) => node))].map(contestant.nodeAlone);
}

function endAll(ours: contestant.Ours[], arena: contestant.Arena): void {
  for (const way of ours) contestant.end(way);
  contestant.endUmoci(arena);
}

function save(): void {
  const cores = cpus();
  const machine = { processor: cores[0]!.model, cores: cores.length, rounds, date: new Date().toISOString() };
  mkdirSync(given.out, { recursive: true });
  writeFileSync(join(given.out, 'results.json'), `${JSON.stringify({ machine, results }, null, 1)}\n`);
  writeFileSync(join(given.out, 'chart.svg'), benchChart(results, machine));
  console.log(`wrote ${given.out}/results.json and ${given.out}/chart.svg`);
}
