import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pair, type Subject, timePairs } from './pairs.js';
import { bundle, call, layout, scratch, type Tool } from './tools.js';

export interface Options {
  rounds: number;
  driver: string;
}

const store = join(scratch, 'store');
const target = join(scratch, 'target');
const image = `${layout}:changed`;
const usesStore = (driver: string) => driver !== 'copy';

/** An image that is nowhere yet: against umoci, and against GNU tar on its layers. */
export async function coldUnpack({ rounds, driver }: Options, layers: string[]): Promise<Pair[]> {
  const ours = { ...unpack(driver), prepare: () => rmSync(store, { recursive: true, force: true }) };
  // whiteouts, files in place of directories and manifests are not its business: it shows what extraction alone costs
  const extract =
    'for layer; do gzip -dc "$layer" | tar -x -p --numeric-owner --xattrs --overwrite -C "$0"; done 2>/dev/null; true';
  const tar: Subject = {
    name: 'GNU tar',
    prepare: () => mkdirSync(target),
    run: () => execFileSync('sh', ['-c', extract, target, ...layers]),
    clear: () => rmSync(target, { recursive: true }),
  };
  const task = `unpack (${driver})`;
  return [
    await timePairs(task, ours, umociUnpack, { rounds, target: 1 / 4 }),
    await timePairs(task, ours, tar, { rounds, target: 1 }),
  ];
}

/** An image whose layers the store has: the bundle is there already, this is another one. */
export async function warmUnpack({ rounds, driver }: Options): Promise<Pair[]> {
  if (!usesStore(driver)) return [];
  const first = join(scratch, 'first');
  call('layerhook', 'unpack', '--driver', driver, '--image', image, first);
  const pair = await timePairs(`second unpack (${driver})`, unpack(driver), umociUnpack, {
    rounds,
    target: 1 / 60,
  });
  remove('layerhook', first);
  return [pair];
}

/** When nothing, a few files, and (if it is said how) much has changed; each tool has a bundle of its own. */
export async function repacks(
  { rounds, driver }: Options,
  changeMuch?: (rootfs: string) => void,
): Promise<Pair[]> {
  const own = (tool: Tool) => join(scratch, `repack-${tool}`);
  const repack = (tool: Tool): Subject => ({
    name: tool,
    run: () => call(tool, 'repack', '--image', `${layout}:by-${tool}`, own(tool)),
  });
  const both = ['layerhook', 'umoci'] as const;
  call('layerhook', 'unpack', '--driver', driver, '--image', image, own('layerhook'));
  call('umoci', 'unpack', '--image', image, own('umoci'));
  const measure = (what: string, target?: number) =>
    timePairs(`repack, ${what} (${driver})`, repack('layerhook'), repack('umoci'), {
      rounds,
      ...(target === undefined ? {} : { target }),
    });
  const pairs = [await measure('nothing changed', 1 / 10)];
  for (const tool of both) changeFew(join(own(tool), 'rootfs'));
  pairs.push(await measure('a few files changed', usesStore(driver) ? 1 / 25 : undefined));
  if (changeMuch !== undefined) {
    for (const tool of both) changeMuch(join(own(tool), 'rootfs'));
    pairs.push(await measure('many changes'));
  }
  for (const tool of both) remove(tool, own(tool));
  return pairs;
}

const umociUnpack: Subject = {
  name: 'umoci',
  run: () => call('umoci', 'unpack', '--image', image, bundle),
  clear: () => remove('umoci', bundle),
};

function unpack(driver: string): Subject {
  return {
    name: 'layerhook',
    run: () => call('layerhook', 'unpack', '--driver', driver, '--image', image, bundle),
    clear: () => remove('layerhook', bundle),
  };
}

function remove(tool: Tool, path: string): void {
  if (tool === 'layerhook') call('layerhook', 'bundle', 'remove', path);
  else rmSync(path, { recursive: true });
}

function changeFew(rootfs: string): void {
  for (const name of ['a', 'b', 'c']) writeFileSync(join(rootfs, 'usr/lib', name), `${name}\n`);
  appendFileSync(join(rootfs, 'usr/lib/a'), 'more\n');
  rmSync(join(rootfs, 'usr/lib/c'));
}
