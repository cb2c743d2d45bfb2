/**
 * Tries faults: `npm run chaos [-- KIND [SCENARIO...]] [--alike N] [--every N] [--limit N] [--at FAULT] [--seed N] [--jobs N]
 * [--seconds N]`. Needs root, strace and loop devices; docs/store.md says what each kind does. `--alike` tries at most so many faults
 * of each situation (default: 1 for errors and power losses, all for kills), `--every` each Nth of these faults, `--limit` at most
 * so many for each scenario, `--at` one. `--jobs` scenarios run at the same time. The kind `short` is what the tests run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isPower, kinds } from './kinds.js';
import type { Load } from './load.js';
import type { Faults, Tried } from './one.js';
import { scenarios } from './scenarios.js';

/** The short form: kind, names of scenarios, faults for each. */
const short: readonly [kind: string, names: string[], limit: number][] = [
  ['crash', ['unpack overlay', 'repack overlay refresh', 'commit', 'config'], 2],
  ['crash', ['hooks install', 'hooks new', 'ctk install', 'store export'], 6],
  ['errors', ['unpack copy', 'repack copy refresh', 'tag'], 3],
  ['ext4', ['repack overlay refresh'], 2],
  ['ext4', ['bundle rm overlay'], 4],
  ['ext4', ['raw unpack'], 2],
  ['xfs', ['unpack copy', 'snapshotter serve'], 2],
];
const shortLoad = { seconds: 10, processes: 8, clients: 40 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: 'string', default: '1' },
    limit: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '900' },
    alike: { type: 'string' },
    at: { type: 'string' },
  },
});
const [kind, ...names] = positionals;
const { at, alike, ...numbers } = values;
const { every, limit, seed, jobs, seconds } = Object.fromEntries(
  Object.entries(numbers).map(([name, value]) => [name, Number(value)]),
) as Record<keyof typeof numbers, number>;

const isShort = kind === 'short';
const tried = await tryAll(
  isShort ? short.flatMap(([name, parts, most]) => faultsOf(name, parts, most)) : whole(),
);
const wrong = tried.reduce((sum, each) => sum + each.wrong, 0);
if (tried.length > 0)
  console.log(`${tried.reduce((sum, each) => sum + each.tried, 0)} faults tried, ${wrong} wrong`);
if (isShort) await one(shortLoad);
else if (kind === undefined || kind === 'load') await one({ seconds, processes: 64, clients: 200 });
if (wrong > 0) process.exitCode = 1;

function whole(): Faults[] {
  const chosen = Object.keys(kinds).filter((name) => kind === undefined || kind === name);
  return chosen.flatMap((name) => faultsOf(name, names, limit));
}

/** @param parts names of scenarios, or parts of names; none: all scenarios */
function faultsOf(name: string, parts: string[], most: number): Faults[] {
  const chosen = scenarios.filter(
    (each) =>
      (parts.length === 0 || parts.some((part) => isMeant(each.name, part))) &&
      // each kind of power loss has its own file system
      (!(each.fileSystem && isPower(name)) || each.fileSystem === name),
  );
  // a kill costs little, and each leaves another state
  const usual = name === 'crash' || at !== undefined ? Number.MAX_SAFE_INTEGER : 1;
  const extent = { limit: most, every, seed, at, alike: alike === undefined ? usual : Number(alike) };
  return chosen.map((scenario) => ({ kind: name, scenario: scenario.name, known: [], ...extent }));
}

/** The short form names whole names, a user may name parts of them. */
function isMeant(name: string, part: string): boolean {
  return isShort ? name === part : name.includes(part);
}

async function tryAll(all: readonly Faults[]): Promise<Tried[]> {
  const [left, done] = [[...all], [] as Tried[]];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const known = done.flatMap(({ situations }) => situations);
      done.push(await one({ ...next, known }));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return done;
}

/** Runs one scenario or one load in a process with mounts of its own: mounts that a killed command leaves go away with it. */
async function one(task: Faults | Omit<Load, 'dir'>): Promise<Tried> {
  const program = [process.execPath, resolve('dist/test/chaos/one.js')];
  const child = spawn('unshare', ['-m', '--propagation', 'private', ...program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send(task);
  let result: Tried | undefined;
  child.on('message', (message: Tried) => {
    result = message;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (result === undefined) throw new Error(`${JSON.stringify(task)} ended with ${status}`);
  return result;
}
