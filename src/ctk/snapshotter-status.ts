import { lstatSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import type { Snapshotter } from '../store/types.js';
import { tableAt } from '../text/toml-edit.js';
import { containerd } from './containerd.js';
import { readText } from './files.js';
import { criSnapshotters, isUnpackedInto, proxyOf, snapshotterDropIn } from './snapshotter.js';

/** Longest time to wait for the answer of a daemon, in ms. */
const patience = 10_000;

export interface SnapshotterStatus {
  file: string;
  /** `missing`: the file does not exist; `plain`: the file lacks the snapshotter */
  state: 'missing' | 'plain' | 'configured' | 'broken';
  address?: string;
  /** directory of the store, according to containerd's configuration */
  root?: string;
  capabilities?: readonly string[];
  /** True if images of the CRI go there. */
  isCriDefault?: boolean;
  /** True if the transfer service of containerd 2 unpacks into it. */
  isTransferTarget?: boolean;
  /** numbers of containerd's snapshots; missing if the daemon does not answer */
  snapshots?: { committed: number; active: number };
  problem?: string;
}

/** Returns the settings of a proxy snapshotter in containerd's configuration, and whether the snapshotter answers. */
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
 * Throws if containerd has snapshots in a proxy snapshotter, since its images and containers need them.
 *
 * @returns the reason why the snapshots could not be counted; undefined if it has no snapshots
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
    return { problem: `socket not found: ${address}` };
  }
  const { connectSnapshotter } = await import('../snapshotter/client.js');
  const client = connectSnapshotter(address);
  const stop = new AbortController();
  try {
    const late = delay(patience, undefined, { signal: stop.signal });
    const snapshots = await Promise.race([countSnapshots(client), late]);
    return snapshots ? { snapshots } : { problem: `nothing answers at ${address}` };
  } catch (error) {
    return { problem: `nothing answers at ${address}: ${reasonOf(error)}` };
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
