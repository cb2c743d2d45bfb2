/** Many processes and many clients on one store: nothing is lost, nothing is left, and the memory of the server stays flat. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openStore } from '../../src/store.js';
import { writeImage } from '../../src/testing/image.js';
import { mainFile } from '../helpers/cli.js';
import { workAsClient } from './client.js';
import { layers } from './image.js';
import { difference, inventory } from './look.js';
import { Fault, lh, type Place, placeAt, succeedIn } from './place.js';
import { openFiles, ownMemory } from './process.js';
import type { Ledger } from './worker.js';

export interface Load {
  dir: string;
  seconds: number;
  processes: number;
  clients: number;
}

/** Returns the figures of a load. @throws Fault for what is lost, left behind, or grows */
export async function load({ dir, seconds, processes, clients }: Load): Promise<string> {
  const place = placeAt(join(dir, 'm'));
  mkdirSync(place.root, { recursive: true });
  writeImage(place.layout, layers, {});
  const server = await startServer(place, join(dir, 'socket'));
  const before = inventory(place);
  const files = await filesOfIdle(server.pid!, join(dir, 'socket'));
  const ending = new AbortController();
  const connected = Array.from({ length: clients }, (_, at) =>
    workAsClient(join(dir, 'socket'), at, ending.signal),
  );
  const workers = Array.from({ length: processes }, (_, at) => startWorker(place, at));
  const ledgers = Promise.all([...connected, ...workers.map(({ done }) => done)]);
  const memory = await watch(server.pid!, seconds, ledgers);
  ending.abort();
  for (const { child } of workers) child.kill('SIGTERM');
  const done = await ledgers;
  await settle(
    () => openFiles(server.pid!).length <= files + 2,
    () => `the server had ${files} descriptors, and keeps ${openFiles(server.pid!).sort().join()}`,
  );
  const names = done.flatMap((ledger) => ledger.names);
  await requireNames(place, names);
  server.kill('SIGTERM');
  const [status] = (await once(server, 'exit')) as [number | null];
  if (status !== 0) throw new Fault(`the server ended with status ${status}`);
  await removeAll(place);
  const left = difference(inventory(place), before, /^\/store\/locks\/(use|serve-.*)$/);
  if (left !== '') throw new Fault(`left behind: ${left}`);
  const operations = done.reduce((sum, ledger) => sum + ledger.operations, 0);
  return [
    `load: ${processes} processes and ${clients} clients for ${seconds} s: ${operations} operations`,
    `${names.length} snapshots kept, 0 lost, 0 left behind, memory of the server ${requireFlat(memory)}`,
  ].join(', ');
}

async function startServer(place: Place, address: string): Promise<ChildProcess> {
  const args = ['snapshotter', 'serve', '--address', address, '--store', place.store];
  const env = { ...process.env, NO_COLOR: '1', XDG_CONFIG_HOME: '/nonexistent' };
  const child = spawn(process.execPath, [mainFile, '--verbose', ...args], {
    ...{ env, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-10_000);
  });
  while (!log.includes(' serving ')) {
    if (child.exitCode !== null) throw new Fault(`the server ended: ${log}`);
    await delay(20);
  }
  return child;
}

function startWorker(place: Place, number: number): { child: ChildProcess; done: Promise<Ledger> } {
  const program = resolve('dist/test/chaos/worker.js');
  const args = [program, place.store, `${place.layout}:latest`, place.bundle, String(number)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const done = once(child, 'close').then(([status, signal]) => {
    // SIGTERM before it listened
    if (signal === 'SIGTERM') return { operations: 0, names: [] };
    if (status !== 0) throw new Fault(`process ${number} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout) as Ledger;
  });
  return { child, done };
}

/** Returns the memory of a process at 50 moments. @throws what the work throws meanwhile */
async function watch(pid: number, seconds: number, work: Promise<unknown>): Promise<number[]> {
  const memory: number[] = [];
  for (let at = 0; at < 50; at++) {
    await Promise.race([delay(seconds * 20), work]);
    memory.push(ownMemory(pid));
  }
  return memory;
}

/** Returns the number of descriptors of a server that has started all its threads, and is idle. */
async function filesOfIdle(server: number, address: string): Promise<number> {
  // the rounds of a client until it removes a snapshot: the last thread starts for that
  await workAsClient(address, -1, new AbortController().signal, 5);
  let [files, sameSince] = [-1, 0];
  await settle(
    () => {
      const now = openFiles(server).length;
      if (now !== files) [files, sameSince] = [now, performance.now()];
      return performance.now() - sameSince > 1000;
    },
    () => `the descriptors of an idle server change: ${openFiles(server).sort().join()}`,
  );
  return files;
}

async function settle(isDone: () => boolean, otherwise: () => string): Promise<void> {
  for (let tries = 0; !isDone(); tries++) {
    if (tries === 300) throw new Fault(otherwise());
    await delay(100);
  }
}

/** Requires that snapshots exist, with what was written into them. */
async function requireNames(place: Place, names: string[]): Promise<void> {
  await using store = await openStore({ root: place.store });
  const directories = new Map(
    (await store.list()).flatMap(({ names, directory }) => names.map(({ name }) => [name, directory])),
  );
  for (const name of names) {
    const directory = directories.get(name);
    if (directory === undefined) throw new Fault(`snapshot ${name} is lost`);
    if (readFileSync(join(directory, 'file'), 'utf8') !== name) throw new Fault(`${name} has other content`);
  }
}

/** Removes all names of all clients, children first, and collects garbage. */
async function removeAll(place: Place): Promise<void> {
  const all = async () => {
    await using store = await openStore({ root: place.store });
    return (await store.list()).flatMap(({ names }) => names);
  };
  for (const client of new Set((await all()).map(({ client }) => client))) {
    await using store = await openStore({ root: place.store, client });
    const names: string[] = [];
    for await (const { name } of store.walk()) names.push(name);
    for (let left = names; left.length > 0; ) {
      const still: string[] = [];
      for (const name of left) await store.remove(name).catch(() => still.push(name));
      if (still.length === left.length) throw new Fault(`cannot be removed: ${still.join()}`);
      left = still;
    }
  }
  succeedIn(place, lh('store', 'gc'));
}

/** Requires that the last third has at most a fifth more than the middle third. @returns the memory of both */
function requireFlat(memory: number[]): string {
  const third = Math.floor(memory.length / 3);
  const [middle, last] = [memory.slice(third, 2 * third), memory.slice(-third)].map(
    (part) => Math.max(...part) / 2 ** 20,
  ) as [number, number];
  const figures = `${middle.toFixed(0)} MiB, then ${last.toFixed(0)} MiB`;
  if (last > middle * 1.2 + 16) throw new Fault(`the memory of the server grows: ${figures}`);
  return figures;
}
