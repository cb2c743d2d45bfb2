/**
 * Measures layerhook against its peers, in pairs, on tmpfs: `npm run bench [-- ROUNDS [DRIVER...]]`.
 * Needs root, umoci, GNU tar, debootstrap (once) and python3. docs/performance.md says how to read it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { applyChanges } from '../e2e/changes.js';
import { cachedDebian } from '../helpers/debian.js';
import { largeImage } from '../helpers/large.js';
import { peakMemory } from '../helpers/peak.js';
import { layeredImage } from './layered.js';
import { type Pair, type Subject, timePairs } from './pairs.js';
import { benchTable } from './table.js';
import { coldUnpack, repacks, warmUnpack } from './tasks.js';
import { bundle, call, env, layerFiles, layout, scratch, type Tool, tools } from './tools.js';

const rounds = Number(process.argv[2] ?? 5);
const given = process.argv.slice(3);
const drivers = given.length > 0 ? given : ['copy', 'overlay', 'erofs'];

/** What is measured: how an image gets to the layout, and what changes much of it. */
const images: { name: string; make: () => void; changeMuch?: (rootfs: string) => void }[] = [
  { name: 'Debian, 12k files', make: () => copyLayout('small'), changeMuch: applyChanges },
  { name: 'Debian, 36k files', make: () => copyLayout('full'), changeMuch: applyChanges },
  { name: '120 layers', make: () => layeredImage(layout) },
];

try {
  const times: Pair[] = [];
  for (const image of images) times.push(...(await measure(image)));
  times.push(await startUp());
  console.log(`${benchTable(times, (value) => `${value.toFixed(3)} s`)}\n`);
  console.log(benchTable([await largeLayer()], (value) => `${Math.round(value / 2 ** 20)} MiB`));
} finally {
  // a bench that fails leaves bundles mounted
  execFileSync('sh', ['-c', 'grep -o "$0[^ ]*" /proc/self/mounts | xargs -r umount -l', scratch]);
  rmSync(scratch, { recursive: true, force: true });
}

async function measure({ name, make, changeMuch }: (typeof images)[number]): Promise<Pair[]> {
  make();
  const pairs: Pair[] = [];
  for (const driver of drivers) {
    pairs.push(...(await coldUnpack({ rounds, driver }, layerFiles('changed'))));
    pairs.push(...(await warmUnpack({ rounds, driver })));
    pairs.push(...(await repacks({ rounds, driver }, changeMuch)));
  }
  rmSync(layout, { recursive: true });
  return pairs.map((pair) => ({ ...pair, task: `${name}: ${pair.task}` }));
}

function copyLayout(extent: 'small' | 'full'): void {
  cpSync(cachedDebian(extent).layout, layout, { recursive: true });
}

function startUp(): Promise<Pair> {
  const node: Subject = {
    name: 'node -e 0',
    run: () => execFileSync(process.execPath, ['-e', '0'], { env }),
  };
  const ours: Subject = { name: 'layerhook --version', run: () => call('layerhook', '--version') };
  return timePairs('start', ours, node, { rounds: rounds * 4 });
}

async function largeLayer(): Promise<Pair> {
  const large = join(scratch, 'large');
  await largeImage(large, 3);
  const peak = (tool: Tool) => {
    const [file, ...before] = tools[tool];
    const bytes = peakMemory(file, [...before, 'unpack', '--image', `${large}:large`, bundle]);
    rmSync(bundle, { recursive: true });
    return { name: tool, values: [bytes] };
  };
  return { task: 'peak memory, layer of 3 GiB', ours: peak('layerhook'), peer: peak('umoci') };
}
