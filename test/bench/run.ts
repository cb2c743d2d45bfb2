/**
 * Measures layerhook against its peers, in pairs, on tmpfs: `npm run bench [-- ROUNDS]`.
 * Needs root, umoci, GNU tar, debootstrap (once) and python3. docs/performance.md says how to read it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Index, Manifest } from '../../src/image/types.js';
import { applyChanges } from '../e2e/changes.js';
import { mainFile } from '../helpers/cli.js';
import { cachedDebian } from '../helpers/debian.js';
import { largeImage } from '../helpers/large.js';
import { peakMemory } from '../helpers/peak.js';
import { type Pair, type Subject, timePairs } from './pairs.js';
import { benchTable } from './table.js';

const tools = { layerhook: [process.execPath, mainFile], umoci: ['umoci'] } as const;
type Tool = keyof typeof tools;
const both = ['layerhook', 'umoci'] as const;

const rounds = Number(process.argv[2] ?? 5);
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'layerhook-bench-'));
const [layout, bundle, target] = ['layout', 'bundle', 'target'].map((name) => join(scratch, name)) as [
  string,
  string,
  string,
];
const env = { ...process.env, XDG_CONFIG_HOME: '/nonexistent' };

try {
  const times = [...measure('small'), ...measure('full'), startUp()];
  console.log(`${benchTable(times, (value) => `${value.toFixed(3)} s`)}\n`);
  console.log(benchTable([await largeLayer()], (value) => `${Math.round(value / 2 ** 20)} MiB`));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function measure(extent: 'small' | 'full'): Pair[] {
  const { rootfs, layout: source } = cachedDebian(extent);
  const files = execFileSync('find', [rootfs, '-printf', '.']).length;
  cpSync(source, layout, { recursive: true });
  const pairs = [...unpacking(), ...repacking()];
  rmSync(layout, { recursive: true });
  return pairs.map((pair) => ({ ...pair, task: `${pair.task} (${Math.round(files / 1000)}k files)` }));
}

function unpacking(): Pair[] {
  const unpack = (tool: Tool): Subject => ({
    name: tool,
    run: () => call(tool, 'unpack', '--image', `${layout}:changed`, bundle),
    clear: () => rmSync(bundle, { recursive: true }),
  });
  // whiteouts and manifests are not its business: it shows what extraction alone costs
  const extract =
    'for layer; do gzip -dc "$layer" | tar -x -p --numeric-owner --xattrs --overwrite -C "$0"; done';
  const tar: Subject = {
    name: 'GNU tar',
    prepare: () => mkdirSync(target),
    run: () => execFileSync('sh', ['-c', extract, target, layerFile('changed', 0)]),
    clear: () => rmSync(target, { recursive: true }),
  };
  const base: Subject = {
    ...unpack('layerhook'),
    run: () => call('layerhook', 'unpack', '--image', `${layout}:base`, bundle),
  };
  return [
    timePairs('unpack Debian', unpack('layerhook'), unpack('umoci'), { rounds, target: 1 / 3 }),
    timePairs('unpack its first layer', base, tar, { rounds }),
  ];
}

function repacking(): Pair[] {
  const own = (tool: Tool) => join(scratch, `repack-${tool}`);
  const repack = (tool: Tool): Subject => ({
    name: tool,
    run: () => call(tool, 'repack', '--image', `${layout}:by-${tool}`, own(tool)),
  });
  for (const tool of both) call(tool, 'unpack', '--image', `${layout}:changed`, own(tool));
  const options = { rounds, target: 1 / 10 };
  const idle = timePairs('repack, nothing changed', repack('layerhook'), repack('umoci'), options);
  for (const tool of both) applyChanges(join(own(tool), 'rootfs'));
  const busy = timePairs('repack, many changes', repack('layerhook'), repack('umoci'), { rounds });
  for (const tool of both) rmSync(own(tool), { recursive: true });
  return [idle, busy];
}

function startUp(): Pair {
  const node: Subject = { name: 'node -e 0', run: () => execFileSync(process.execPath, ['-e', '0']) };
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

function call(tool: Tool, ...args: string[]): void {
  const [file, ...before] = tools[tool];
  execFileSync(file, [...before, ...args], { env, stdio: ['ignore', 'ignore', 'ignore'] });
}

/** The file of a layer's blob. */
function layerFile(tag: string, at: number): string {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const { manifests } = read(join(layout, 'index.json')) as Index;
  const manifest = manifests.find((one) => one.annotations?.['org.opencontainers.image.ref.name'] === tag)!;
  return blob((read(blob(manifest.digest)) as Manifest).layers[at]!.digest);
}
