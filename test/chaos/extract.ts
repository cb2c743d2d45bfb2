/** What a containerd does with a snapshotter when it extracts an image, in a form that can be repeated. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fsError } from '../../src/errors/fs-error.js';
import type { Mount, Snapshotter } from '../../src/store/types.js';
import { isAfterLoss } from './disk.js';

/** Commits two layers, the second on top of the first, and removes a container's snapshot. */
export async function extract(
  on: Pick<Snapshotter, 'prepare' | 'mounts' | 'commit' | 'remove' | 'view' | 'walk'>,
): Promise<void> {
  if (isAfterLoss()) await removeRefused(on);
  for (const [name, parent] of [
    ['one', ''],
    ['two', 'one'],
  ] as const) {
    await unlessDone(() => on.prepare(`filling ${name}`, parent));
    await unlessDone(async () => {
      const [mount] = await on.mounts(`filling ${name}`);
      write(join(upperdirOf(mount!), 'file'), name);
      await on.commit(name, `filling ${name}`);
    });
    // a committed snapshot leaves its key free; one whose commit was repeated does not
    await unlessDone(() => on.remove(`filling ${name}`));
  }
  await unlessDone(() => on.prepare('container', 'two'));
  await unlessDone(() => on.remove('container'));
}

function write(file: string, content: string): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw fsError(error, `cannot write ${file}`);
  }
}

/** For what a killed process may have done already. */
async function unlessDone(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'SNAPSHOT_EXISTS' && code !== 'SNAPSHOT_NOT_FOUND') throw error;
  }
}

/** Removes the snapshots of an image that is refused, as the removal of the image does: what is on top of a layer goes first. */
async function removeRefused(on: Pick<Snapshotter, 'remove' | 'view' | 'walk'>): Promise<void> {
  const names = await committed(on);
  for (const [name, above] of [
    ['two', ['container', 'filling two', 'two']],
    ['one', ['container', 'filling two', 'two', 'filling one', 'one']],
  ] as const) {
    if (!names.includes(name) || !(await isRefused(on, name))) continue;
    for (const each of above) await unlessDone(() => on.remove(each));
  }
}

async function committed(on: Pick<Snapshotter, 'walk'>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, kind } of on.walk()) if (kind === 'committed') names.push(name);
  return names;
}

/** True if the client is refused a layer that a power loss came to before its flush. Without a power loss, none may be refused. */
async function isRefused(on: Pick<Snapshotter, 'remove' | 'view'>, name: string): Promise<boolean> {
  try {
    await on.view(`view ${name}`, name);
  } catch (error) {
    if (isAfterLoss() && refusal.test((error as Error).message)) return true;
    throw error;
  }
  await on.remove(`view ${name}`);
  return false;
}

/** What the snapshotter says of a layer that was not flushed. */
const refusal =
  /cannot be used: (it was not yet flushed to disk when the machine stopped|its directory is missing)/;

/**
 * Returns the content of committed snapshots, which nothing but a whole extraction may have made. A layer that is refused after a
 * power loss counts as missing.
 */
export async function list(client: Snapshotter): Promise<Record<string, string>> {
  const view: Record<string, string> = {};
  for (const name of await committed(client)) {
    if (await isRefused(client, name)) continue;
    await client.view(`view ${name}`, name);
    const [mount] = await client.mounts(`view ${name}`);
    const directory = mount!.options
      .find((option) => option.startsWith('lowerdir='))
      ?.slice(9)
      .split(':')[0];
    const file = join(directory ?? mount!.source, 'file');
    view[name] = existsSync(file) ? readFileSync(file, 'utf8') : 'lost';
    await client.remove(`view ${name}`);
  }
  return view;
}

function upperdirOf({ source, options }: Mount): string {
  return options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length) ?? source;
}
