/**
 * Measures images that are large in one way, and a large store: `npm run bench:scale [-- IMAGE|store-N ...]`, on tmpfs or in
 * `$BENCH_DIR`. Needs root. docs/performance.md has the table.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mainFile } from '../helpers/cli.js';
import { runOnce } from './measure.js';
import { scaleImages } from './scale-images.js';
import { fillStore } from './scale-store.js';
import { env, nodes, removeAll, scratch } from './tools.js';

const drivers = ['copy', 'overlay', 'erofs'];
const stores = { 'store-1000': [1000, 100], 'store-10000': [10_000, 1000] } as const;
const chosen = process.argv.slice(2);
const node = nodes()[0]!;
const row = (...cells: string[]) => console.log(`| ${cells.join(' | ')} |`);

try {
  row('what', 'task', 'wall', 'CPU', 'memory');
  row('---', '---', '---', '---', '---');
  for (const [name, make] of Object.entries(scaleImages)) if (isChosen(name)) await image(name, make);
  for (const [name, [layers, bundles]] of Object.entries(stores))
    if (isChosen(name)) await store(name, layers, bundles);
} finally {
  removeAll();
}

function isChosen(name: string): boolean {
  return chosen.length === 0 || chosen.includes(name);
}

async function image(name: string, make: (layout: string) => unknown): Promise<void> {
  const [layout, bundle] = [join(scratch, 'layout'), join(scratch, 'bundle')];
  await make(layout);
  // the default limit is a million: directories count too
  const source = ['--image', `${layout}:changed`, '--limit', 'entries=10000000'];
  for (const driver of drivers) {
    run(name, `unpack, ${driver}`, ['unpack', ...source, '--driver', driver, bundle]);
    run(name, `repack of nothing, ${driver}`, ['repack', '--image', `${layout}:again`, bundle]);
    run(name, `remove, ${driver}`, ['bundle', 'rm', bundle]);
    if (driver !== 'copy') run(name, `store gc, ${driver}`, ['store', 'gc']);
    if (existsSync(bundle)) throw new Error(`${bundle} is still there`);
  }
  rmSync(layout, { recursive: true });
}

async function store(name: string, layers: number, bundles: number): Promise<void> {
  await fillStore(env.LAYERHOOK_STORE, layers, bundles, join(scratch, 'bundles'));
  for (const args of [
    ['bundle', 'ls'],
    ['store', 'ls'],
    ['store', 'df'],
    ['store', 'du'],
    ['store', 'gc'],
  ])
    run(name, args.join(' '), args);
  rmSync(env.LAYERHOOK_STORE, { recursive: true });
}

function run(what: string, task: string, args: string[]): void {
  const { wall, cpu, memory } = runOnce({ command: [node.path, mainFile, ...args] }, env);
  row(what, task, `${wall.toFixed(2)} s`, `${cpu.toFixed(2)} s`, `${Math.round(memory / 2 ** 20)} MiB`);
}
