import type { Mount, Snapshotter } from '../../store/types.js';
import type { ConformanceCase } from '../case.js';

/** What a Snapshotter's author gives to {@link snapshotterSuite}. Cases may share a store: each has names of its own. */
export interface SnapshotterHarness {
  /** Opens the Snapshotter, each time over the same snapshots, also while it is open; cases close what they open. */
  open(): Promise<Snapshotter>;
  /** Mounts what a Snapshotter gave at a directory; `mountAll` of `layerhook/overlay` does. */
  mount(mounts: Mount[], target: string): Promise<unknown>;
  /** Takes away what is mounted at a directory; `unmountAll` of `layerhook/overlay` does. */
  unmount(target: string): Promise<unknown>;
  /** Makes an empty directory; whoever gave the harness removes it. */
  scratch(): string | Promise<string>;
}

export type SnapshotterCase = ConformanceCase<SnapshotterHarness>;
