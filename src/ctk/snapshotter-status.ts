import { lstatSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import type { Snapshotter } from '../store/types.js';
import { tableAt } from '../text/toml-edit.js';
import { containerd } from './containerd.js';
import { readText } from './files.js';
import { criSnapshotters, isUnpackedInto, proxyOf, snapshotterDropIn } from './snapshotter.js';

/** How long a daemon may take to answer, in milliseconds. */
const patience = 10_000;

export interface SnapshotterStatus {
  file: string;
  /** `missing`: no such file; `plain`: it does not have the snapshotter */
  state: 'missing' | 'plain' | 'configured' | 'broken';
  address?: string;
  /** what containerd believes its store to be */
  root?: string;
  capabilities?: readonly string[];
  /** whether images of the CRI go there */
  isCriDefault?: boolean;
  /** whether the transfer service of containerd 2 unpacks into it */
  isTransferTarget?: boolean;
  /** what containerd has in it; missing if the daemon does not answer */
  snapshots?: { committed: number; active: number };
  problem?: string;
}

/** What a configuration of containerd says of a proxy snapshotter, and whether that answers. */
export async function snapshotterStatus(file: string, name: string): Promise<SnapshotterStatus> {
  try {
    const found = readStatus(file, name);
    if (found.address === undefined) return found;
    return { ...found, ...(await askDaemon(found.address)) };
  } catch (error) {
    if (!isLayerhookError(error)) throw error;
    return { file, state: 'broken', problem: String(error.details.reason ?? error.message) };
  }
}

/**
 * Refuses to go on if containerd has snapshots in a proxy snapshotter: images and containers that need it.
 *
 * @returns what could not be found out; undefined if nothing is there
 * @throws LayerhookError SNAPSHOTTER_IN_USE
 */
export async function assertUnused(file: string, name: string): Promise<string | undefined> {
  const { snapshots, problem, address } = await snapshotterStatus(file, name);
  if (snapshots === undefined) return address === undefined ? undefined : problem;
  const { committed, active } = snapshots;
  if (committed + active > 0) throw new LayerhookError('SNAPSHOTTER_IN_USE', { name, committed, active });
  return undefined;
}

function readStatus(file: string, name: string): SnapshotterStatus {
  const text = readText(file);
  if (text === undefined && readText(snapshotterDropIn(file, name)) === undefined) {
    return { file, state: 'missing' };
  }
  const whole = containerd.inherited(file, text ?? '');
  const proxy = proxyOf(whole, name);
  if (proxy === undefined) return { file, state: 'plain' };
  const { root } = tableAt(proxy, ['exports']) ?? {};
  return {
    file,
    state: 'configured',
    address: String(proxy.address),
    ...(typeof root === 'string' ? { root } : {}),
    capabilities: Array.isArray(proxy.capabilities) ? proxy.capabilities.map(String) : [],
    isCriDefault: criSnapshotters(whole).includes(name),
    isTransferTarget: isUnpackedInto(whole, name),
  };
}

async function askDaemon(address: string): Promise<Pick<SnapshotterStatus, 'snapshots' | 'problem'>> {
  if (!lstatSync(address, { throwIfNoEntry: false })?.isSocket()) {
    return { problem: `there is no socket ${address}` };
  }
  const { connectSnapshotter } = await import('../snapshotter/client.js');
  const client = connectSnapshotter(address);
  const stop = new AbortController();
  try {
    const late = delay(patience, undefined, { signal: stop.signal });
    const snapshots = await Promise.race([countSnapshots(client), late]);
    return snapshots ? { snapshots } : { problem: `nothing answers at ${address}` };
  } catch (error) {
    return { problem: `nothing answers at ${address}: ${(error as Error).message}` };
  } finally {
    stop.abort();
    await client.close();
  }
}

async function countSnapshots(client: Snapshotter): Promise<{ committed: number; active: number }> {
  let committed = 0;
  let active = 0;
  for await (const { kind } of client.walk()) {
    if (kind === 'committed') committed++;
    else active++;
  }
  return { committed, active };
}
