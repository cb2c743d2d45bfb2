/**
 * Measures the store as a snapshotter of containerd against containerd's own overlayfs, in pairs, in one containerd, on
 * tmpfs or in `$BENCH_DIR`: `npm run bench:snapshotter [-- ROUNDS]`. Needs root and containerd. docs/performance.md says how
 * to read it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Index } from '../../src/image/types.js';
import { connectSnapshotter } from '../../src/snapshotter/index.js';
import type { Snapshotter } from '../../src/store/types.js';
import { layeredImage } from './layered.js';
import { namespace, startNode } from './node.js';
import { type Pair, type Subject, timePairs } from './pairs.js';
import { benchTable } from './table.js';
import { removeAll, scratch } from './tools.js';

const rounds = Number(process.argv[2] ?? 5);
/** snapshots that are made and removed in one round */
const snapshots = 200;

/** A snapshotter that containerd has, ours or its own. */
interface Contender {
  name: 'layerhook' | 'overlayfs';
  client: Snapshotter;
}

const node = await startNode(scratch);
const [ours, peer] = [contender('layerhook'), contender('overlayfs')];
try {
  const pairs = [
    await compare(`${snapshots} prepare, commit, remove`, (of) => lives(of, 1)),
    await compare(`${snapshots} prepare, commit, remove, 16 in parallel`, (of) => lives(of, 16)),
    ...(await imports('120 layers of 100 files', 100)),
    ...(await imports('120 layers of 2 files', 2)),
  ];
  console.log(benchTable(pairs, (value) => `${value.toFixed(3)} s`));
} finally {
  for (const { client } of [ours, peer]) await client.close();
  await node.stop();
  removeAll();
}

function contender(name: Contender['name']): Contender {
  return { name, client: connectSnapshotter(node.socket, { snapshotter: name, namespace }) };
}

function compare(
  task: string,
  subjectOf: (contender: Contender) => Omit<Subject, 'name'>,
  target?: number,
): Promise<Pair> {
  const [a, b] = [ours, peer].map((of) => ({ name: of.name, ...subjectOf(of) })) as [Subject, Subject];
  return timePairs(task, a, b, { rounds, ...(target !== undefined && { target }) });
}

/** Snapshots that are prepared, committed and removed, with the garbage collection that deletes them. */
function lives({ name, client }: Contender, atOnce: number): Omit<Subject, 'name'> {
  // without it, a garbage collection in between would take them
  const labels = { 'containerd.io/gc.root': 'bench' };
  const live = async (key: string) => {
    await client.prepare(key, '', { labels });
    await client.commit(`${key} done`, key, { labels });
    await client.remove(`${key} done`);
  };
  return {
    prepare: () => node.ctr('leases', 'create', '--id', 'round'),
    async run() {
      const keys = Array.from({ length: snapshots }, (_, at) => `${name} ${at}`);
      const next = async () => {
        for (let key = keys.pop(); key !== undefined; key = keys.pop()) await live(key);
      };
      await Promise.all(Array.from({ length: atOnce }, next));
      // --sync waits until the removals are done
      node.ctr('leases', 'delete', '--sync', 'round');
    },
  };
}

async function imports(image: string, filesInALayer: number): Promise<Pair[]> {
  const dir = join(scratch, 'image');
  mkdirSync(dir);
  const layout = join(dir, 'layout');
  layeredImage(layout, filesInALayer);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  const archive = join(dir, 'image.tar');
  execFileSync('tar', ['-C', layout, '-cf', archive, '.']);
  const name = 'localhost/bench:changed';
  const load = (...args: string[]) =>
    node.ctr('image', 'import', '--base-name', 'localhost/bench', ...args, archive);
  const clear = () => node.ctr('image', 'rm', '--sync', name);
  const pairs = [
    await compare(`import, ${image}`, (of) => ({ run: () => load('--snapshotter', of.name), clear }), 1),
    await compare(`unpack, ${image}`, (of) => ({
      prepare: () => load('--no-unpack'),
      run: () => node.ctr('snapshots', 'unpack', '--snapshotter', of.name, index.manifests[0]!.digest),
      clear,
    })),
  ];
  rmSync(dir, { recursive: true });
  return pairs;
}
