/**
 * A containerd that outlives its snapshotter: `node survive.js STORE [TRACER...]`. It starts the snapshotter, under a tracer
 * if there is one, starts it again after its death, and repeats the call that got no answer. All must then be there. It
 * ends as the snapshotter did.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshotter } from '../../src/store/types.js';
import { connectSnapshotter } from '../../src/store.js';
import { mainFile } from '../helpers/cli.js';
import { extract, list } from './extract.js';
import { endClearly } from './process.js';

const [store, ...tracer] = process.argv.slice(2) as [string, ...string[]];
const address = join(store, '../socket');
/** UNAVAILABLE of gRPC: the server did not answer */
const unavailable = 14;
let server: ChildProcess;
let client: Snapshotter;
let isKilled = false;

try {
  await start(tracer);
  await work();
} catch (error) {
  endClearly(error);
}
if (isKilled) process.kill(process.pid, 'SIGKILL');

async function work(): Promise<void> {
  try {
    await extract({
      prepare: outliving((...args) => client.prepare(...args)),
      mounts: outliving((...args) => client.mounts(...args)),
      commit: outliving((...args) => client.commit(...args)),
      remove: outliving((...args) => client.remove(...args)),
      view: outliving((...args) => client.view(...args)),
      walk: (...args) => client.walk(...args),
    });
    await client.close();
    await end();
    await start([]);
    const found = JSON.stringify(await list(client));
    if (found !== '{"one":"one","two":"two"}') throw new Error(`after all calls were answered: ${found}`);
  } finally {
    await client.close();
    await end();
  }
}

/** Makes a call; if the server dies meanwhile, once more on a new server. */
function outliving<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await call(...args);
    } catch (error) {
      if (isKilled || !(await hasDied(error))) throw error;
    }
    await client.close();
    await start([]);
    return call(...args);
  };
}

/** Starts a server, under the words of a tracer, and connects to it. Starts another one if the server is killed meanwhile. */
async function start(words: string[]): Promise<void> {
  const [file, ...args] = [
    ...[...words, process.execPath, mainFile],
    ...['snapshotter', 'serve', '--address', address, '--store', store],
  ] as [string, ...string[]];
  server = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await Promise.race([once(server.stdout!, 'data'), once(server, 'exit')]);
  if (output instanceof Buffer) client = connectSnapshotter(address);
  else if (wasKilled()) await start([]);
  // a library has ended it
  else if (server.signalCode !== null) process.kill(process.pid, server.signalCode);
  // it has printed why
  else process.exit(1);
}

function wasKilled(): boolean {
  isKilled ||= server.signalCode === 'SIGKILL';
  return isKilled;
}

/** True if the call failed because the server was killed. */
async function hasDied(error: unknown): Promise<boolean> {
  const { cause } = error as { cause?: { code?: number } };
  if (cause?.code !== unavailable) return false;
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  return wasKilled();
}

async function end(): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  // a tracer does not pass signals on
  process.kill(lastChild(server.pid!), 'SIGTERM');
  await ended;
  if (wasKilled()) return;
  // a library has ended it
  if (server.signalCode !== null) process.kill(process.pid, server.signalCode);
  if (server.exitCode !== 0) process.exitCode = 1;
}

function lastChild(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ');
  return child ? lastChild(Number(child)) : pid;
}
