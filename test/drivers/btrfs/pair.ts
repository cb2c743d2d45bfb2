import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { compareWithBase } from '../../../drivers/btrfs/delta.js';
import { baseOf } from '../../../drivers/btrfs/lineage.js';
import { SubvolumeStore } from '../../../drivers/btrfs/store.js';
import { createSubvolume, setReadOnly, snapshotSubvolume } from '../../../drivers/btrfs/subvolume.js';
import type { Change } from '../../../src/layer/types.js';
import type { Tree } from '../../helpers/tree.js';

/** What the layers make, and a bundle's rootfs, a snapshot of it. */
export interface Pair {
  lower: string;
  rootfs: string;
  at(name: string): string;
  /** what btrfs says was touched, and of that what has changed */
  delta(signal?: AbortSignal): Promise<Change[]>;
  /** the same found by a process that may not ask btrfs */
  deltaByStat(): Change[];
}

/** @param fill makes what the layers make */
export function makePair(mountpoint: string, fill: (root: string) => void): Pair {
  const dir = mkdtempSync(join(mountpoint, 'pair-'));
  const [lower, rootfs] = [join(dir, 'lower'), join(dir, 'rootfs')];
  createSubvolume(lower);
  fill(lower);
  setReadOnly(lower, true);
  snapshotSubvolume(lower, rootfs);
  const store = new SubvolumeStore(join(dir, 'store'), 'none');
  return {
    lower,
    rootfs,
    at: (name) => join(rootfs, name),
    delta: (signal) => compareWithBase(rootfs, baseOf(rootfs, [lower])!, () => store.flush(rootfs), signal),
    deltaByStat: () => withoutAdmin(rootfs, lower),
  };
}

export function lines(changes: Change[]): string[] {
  return changes.map(({ kind, path }) => `${kind} ${path}`).sort();
}

/** What must be said to have changed, by two listings of all that there is; times in seconds. */
export function changesBetween(lower: Tree, upper: Tree): string[] {
  const changed: string[] = [];
  for (const [path, entry] of upper) {
    const before = lower.get(path);
    if (before === undefined) changed.push(`add ${path}`);
    else if (inSeconds(before) !== inSeconds(entry)) changed.push(`modify ${path}`);
  }
  for (const path of lower.keys()) {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
    if (!upper.has(path) && upper.get(parent)?.type === 'dir') changed.push(`delete ${path}`);
  }
  return changed.sort();
}

function inSeconds(entry: { mtime: string }): string {
  return JSON.stringify({ ...entry, mtime: entry.mtime.split('.')[0] });
}

const script = `
const { compareWithBase } = await import(process.argv[1]);
const { baseOf } = await import(process.argv[2]);
const [rootfs, lower] = process.argv.slice(3);
const flush = () => { throw new Error('stat needs no flush'); };
console.log(JSON.stringify(await compareWithBase(rootfs, baseOf(rootfs, [lower]), flush)));
`;

function withoutAdmin(rootfs: string, lower: string): Change[] {
  const modules = ['delta', 'lineage'].map((name) => `${process.cwd()}/dist/drivers/btrfs/${name}.js`);
  const node = [process.execPath, '--input-type=module', '-e', script, ...modules, rootfs, lower];
  const dropped = ['--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
  return JSON.parse(execFileSync('setpriv', [...dropped, ...node], { encoding: 'utf8' })) as Change[];
}
