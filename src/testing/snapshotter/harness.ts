import type { Mount, Snapshotter } from '../../store/types.js';
import type { ConformanceCase } from '../case.js';

/** The input of {@link snapshotterSuite}, from the author of a Snapshotter. Cases use distinct names and may share a store. */
export interface SnapshotterHarness {
  /** Opens the Snapshotter with the same snapshots each time, also while it is open. The cases close it. */
  open(): Promise<Snapshotter>;
  /** Mounts the mounts of a Snapshotter at a directory, as `mountAll` of `layerhook/overlay` does. */
  mount(mounts: Mount[], target: string): Promise<unknown>;
  /** Removes all mounts at a directory, as `unmountAll` of `layerhook/overlay` does. */
  unmount(target: string): Promise<unknown>;
  /** Creates an empty directory. The caller of the suite removes it later. */
  scratch(): string | Promise<string>;
}

export type SnapshotterCase = ConformanceCase<SnapshotterHarness>;
