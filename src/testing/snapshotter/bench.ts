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

/** Names and directories of one case, and the way through prepare, mount, change, unmount, commit. */
export class SnapshotBench {
  /** what all names of the case begin with */
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

  /** A key or name of the case's own. */
  name(name: string): string {
    return `${this.prefix}${name}`;
  }

  /** A key or name that was not used before. */
  fresh(): string {
    return this.name(`fresh-${this.#made++}`);
  }

  /** containerd's garbage collector leaves what has this label. */
  get labels(): Record<string, string> {
    return { 'containerd.io/gc.root': this.prefix };
  }

  /** The snapshotter once more, over the same snapshots. */
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

  /** An empty committed snapshot. */
  async committed(name: string, parent = ''): Promise<string> {
    const key = this.fresh();
    await this.prepare(key, parent);
    await this.commit(name, key);
    return name;
  }

  /** A committed snapshot of what is edited on top of `parent`. */
  async layer(parent: string, edit: Edit, name = this.fresh()): Promise<string> {
    const key = this.fresh();
    await this.prepare(key, parent);
    await this.mounted(key, (target) => edit(new Edits(target)));
    await this.commit(name, key);
    return name;
  }

  /** Does something where an active snapshot or a view is mounted. */
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

  /** What a view of a committed snapshot shows. */
  async treeOf(name: string): Promise<Tree> {
    const key = this.fresh();
    await this.view(key, name);
    const tree = await this.mounted(key, readTree);
    await this.snapshotter.remove(key);
    return tree;
  }

  /** The case's own snapshots. */
  async list(filters?: string[]): Promise<Info[]> {
    const found: Info[] = [];
    for await (const info of this.snapshotter.walk(filters))
      if (info.name.startsWith(this.prefix)) found.push(info);
    return found;
  }

  /** Removes all that the case has made, children first. */
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

/** A case over a Snapshotter of its own opening. */
export function snapshotterCase(
  words: CaseWords,
  body: (bench: SnapshotBench, snapshotter: Snapshotter) => Promise<void>,
): SnapshotterCase {
  return conformanceCase(words, async (harness: SnapshotterHarness) => {
    const directory = mkdtempSync(join(realpathSync(await harness.scratch()), 'case-'));
    const bench = new SnapshotBench(harness, directory, await harness.open());
    try {
      await body(bench, bench.snapshotter);
    } finally {
      await bench.close();
    }
  });
}

/** What containerd calls NotFound, AlreadyExists, FailedPrecondition, InvalidArgument. */
export type SnapshotError = 'NOT_FOUND' | 'EXISTS' | 'PRECONDITION' | 'ARGUMENT';

/** @throws AssertionError unless it fails with that error */
export async function expectFailure(
  error: SnapshotError,
  what: string,
  outcome: Promise<unknown>,
): Promise<void> {
  const caught: unknown = await outcome.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(caught !== undefined, `${what} worked`);
  const code = isLayerhookError(caught) ? caught.code : String(caught);
  expect(code === `SNAPSHOT_${error}`, `${what} failed with ${code}, not SNAPSHOT_${error}`);
}

/** @throws AssertionError unless the two are deeply the same */
export function expectEqual(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  expect(a === b, `${what} is ${a}, not ${b}`);
}
