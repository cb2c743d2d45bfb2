/** What a containerd does with a snapshotter when it extracts an image, in a form that can be repeated. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount, Snapshotter } from '../../src/store/types.js';

/** Commits two layers, the second on top of the first, and removes a container's snapshot. */
export async function extract(
  on: Pick<Snapshotter, 'prepare' | 'mounts' | 'commit' | 'remove'>,
): Promise<void> {
  for (const [name, parent] of [
    ['one', ''],
    ['two', 'one'],
  ] as const) {
    await unlessDone(() => on.prepare(`filling ${name}`, parent));
    await unlessDone(async () => {
      const [mount] = await on.mounts(`filling ${name}`);
      writeFileSync(join(upperdirOf(mount!), 'file'), name);
      await on.commit(name, `filling ${name}`);
    });
    // a committed snapshot leaves its key free; one whose commit was repeated does not
    await unlessDone(() => on.remove(`filling ${name}`));
  }
  await unlessDone(() => on.prepare('container', 'two'));
  await unlessDone(() => on.remove('container'));
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

/** Returns the content of committed snapshots, which nothing but a whole extraction may have made. */
export async function list(client: Snapshotter): Promise<Record<string, string>> {
  const view: Record<string, string> = {};
  for await (const { name, kind } of client.walk()) {
    if (kind !== 'committed') continue;
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
