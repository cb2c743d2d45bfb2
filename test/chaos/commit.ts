/** A containerd that extracts a layer through a snapshotter, in one process: `node commit.js STORE [list]`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLayerhookError } from '../../src/errors/index.js';
import type { Snapshotter } from '../../src/store/types.js';
import { connectSnapshotter, serveSnapshotter } from '../../src/store.js';

const [store, task] = process.argv.slice(2) as [string, string?];

try {
  await serve();
} catch (error) {
  // any other error is shown with its stack, which a trial refuses
  if (!isLayerhookError(error)) throw error;
  console.error(`layerhook: ${error.message}; ${error.hint}`);
  process.exit(1);
}

async function serve(): Promise<void> {
  const address = join(store, '../socket');
  const served = await serveSnapshotter({ root: store, address });
  const client = connectSnapshotter(address);
  try {
    if (task === 'list') console.log(JSON.stringify(await list(client)));
    else await extract(client);
  } finally {
    await client.close();
    await served.close();
  }
}

/** Commits two layers, the second on top of the first, and removes a container's snapshot. */
async function extract(on: Snapshotter): Promise<void> {
  for (const [name, parent] of [
    ['one', ''],
    ['two', 'one'],
  ] as const) {
    await unlessDone(() => on.prepare(`extract ${name}`, parent));
    await unlessDone(async () => {
      const [mount] = await on.mounts(`extract ${name}`);
      writeFileSync(join(upperdirOf(mount!), 'file'), name);
      await on.commit(name, `extract ${name}`);
    });
    // a committed snapshot leaves its key free; one whose commit was repeated does not
    await unlessDone(() => on.remove(`extract ${name}`));
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
async function list(client: Snapshotter): Promise<Record<string, string>> {
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

function upperdirOf({ source, options }: { source: string; options: string[] }): string {
  return options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length) ?? source;
}
