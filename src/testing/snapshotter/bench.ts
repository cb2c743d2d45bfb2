import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isLayerhookError } from '../../errors/index.js';
import type { CommitOptions, Info, Snapshotter } from '../../store/types.js';
import { removeTree } from '../../system/remove.js';
import { type CaseWords, conformanceCase, expect } from '../case.js';
import { Edits } from '../edits.js';
import { readTree, type Tree } from '../tree.js';
import type { SnapshotterCase, SnapshotterHarness } from './harness.js';

export type Edit = (edits: Edits) => void;

/** Names and directories of one case, and shortcuts for prepare, mount, change, unmount and commit. */
export class SnapshotBench {
  /** prefix of all names of the case */
  readonly prefix = `suite/${randomUUID()}/`;
  readonly directory: string;
  readonly snapshotter: Snapshotter;
  readonly #harness: SnapshotterHarness;
  readonly #opened: Snapshotter[] = [];
  readonly #mounted = new Set<string>();
  #made = 0;

  constructor(harness: SnapshotterHarness, directory: string, snapshotter: Snapshotter) {
    this.#harness = harness;
    this.directory = directory;
    this.snapshotter = snapshotter;
  }

  /** Returns a key or name that belongs to this case. */
  name(name: string): string {
    return `${this.prefix}${name}`;
  }

  /** Returns a new key or name. */
  fresh(): string {
    return this.name(`fresh-${this.#made++}`);
  }

  /** Labels that protect a snapshot from containerd's garbage collector. */
  get labels(): Record<string, string> {
    return { 'containerd.io/gc.root': this.prefix };
  }

  /** Opens the snapshotter again, with the same snapshots. */
  async openAgain(): Promise<Snapshotter> {
    const snapshotter = await this.#harness.open();
    this.#opened.push(snapshotter);
    return snapshotter;
  }

  prepare(key: string, parent = '', more: Record<string, string> = {}) {
    return this.snapshotter.prepare(key, parent, { labels: { ...this.labels, ...more } });
  }

  view(key: string, parent = '', more: Record<string, string> = {}) {
    return this.snapshotter.view(key, parent, { labels: { ...this.labels, ...more } });
  }

  commit(name: string, key: string, options: CommitOptions = {}) {
    return this.snapshotter.commit(name, key, { ...options, labels: { ...this.labels, ...options.labels } });
  }

  /** Creates an empty committed snapshot. */
  async committed(name: string, parent = ''): Promise<string> {
    const key = this.fresh();
    await this.prepare(key, parent);
    await this.commit(name, key);
    return name;
  }

  /** Creates a committed snapshot with edits on top of `parent`. */
  async layer(parent: string, edit: Edit, name = this.fresh()): Promise<string> {
    const key = this.fresh();
    await this.prepare(key, parent);
    await this.mounted(key, (target) => edit(new Edits(target)));
    await this.commit(name, key);
    return name;
  }

  /** Mounts an active snapshot or a view, and calls `use` with the directory. */
  async mounted<T>(key: string, use: (target: string) => T, snapshotter = this.snapshotter): Promise<T> {
    const target = join(this.directory, `mount-${this.#made++}`);
    mkdirSync(target);
    await this.#harness.mount(await snapshotter.mounts(key), target);
    this.#mounted.add(target);
    try {
      return await use(target);
    } finally {
      await this.#harness.unmount(target);
      this.#mounted.delete(target);
    }
  }

  /** Returns the tree in a view of a committed snapshot. */
  async treeOf(name: string): Promise<Tree> {
    const key = this.fresh();
    await this.view(key, name);
    const tree = await this.mounted(key, readTree);
    await this.snapshotter.remove(key);
    return tree;
  }

  /** Returns the snapshots of this case. */
  async list(filters?: string[]): Promise<Info[]> {
    const found: Info[] = [];
    for await (const info of this.snapshotter.walk(filters))
      if (info.name.startsWith(this.prefix)) found.push(info);
    return found;
  }

  /** Removes all snapshots of the case, children first. */
  async close(): Promise<void> {
    try {
      for (const target of this.#mounted) await this.#harness.unmount(target);
      const left = await this.list().catch(() => []);
      const depth = (info: Info): number => {
        const parent = left.find(({ name }) => name === info.parent);
        return parent ? depth(parent) + 1 : 0;
      };
      const deepest = left.map((info) => ({ name: info.name, depth: depth(info) }));
      for (const { name } of deepest.sort((a, b) => b.depth - a.depth)) await this.snapshotter.remove(name);
    } finally {
      for (const snapshotter of [...this.#opened, this.snapshotter]) await snapshotter.close();
      removeTree(this.directory);
    }
  }
}

/** Creates a case that opens its own Snapshotter. */
export function snapshotterCase({
  run,
  ...words
}: CaseWords & { run: (bench: SnapshotBench, snapshotter: Snapshotter) => Promise<void> }): SnapshotterCase {
  return conformanceCase(words, async (harness: SnapshotterHarness) => {
    const directory = mkdtempSync(join(realpathSync(await harness.scratch()), 'case-'));
    const bench = new SnapshotBench(harness, directory, await harness.open());
    try {
      await run(bench, bench.snapshotter);
    } finally {
      await bench.close();
    }
  });
}

/** Suffixes of error codes for containerd's NotFound, AlreadyExists, FailedPrecondition and InvalidArgument. */
export type SnapshotError = 'NOT_FOUND' | 'EXISTS' | 'PRECONDITION' | 'ARGUMENT';

/** Requires a failure. @throws AssertionError unless the call fails with this error */
export async function expectFailure(
  error: SnapshotError,
  what: string,
  outcome: Promise<unknown>,
): Promise<void> {
  const caught: unknown = await outcome.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(caught !== undefined, `${what} succeeded`);
  const code = isLayerhookError(caught) ? caught.code : String(caught);
  expect(code === `SNAPSHOT_${error}`, `${what} failed with ${code}, not SNAPSHOT_${error}`);
}

/** Compares two values. @throws AssertionError unless they are deeply equal */
export function expectEqual(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  expect(a === b, `${what} is ${a}, not ${b}`);
}
