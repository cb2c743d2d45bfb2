import { fsError } from '../../errors/fs-error.js';
import type { Usage } from '../types.js';
import { erase } from './erase.js';

/** What a store does with whole trees, which takes the longer the larger they are. */
export interface TreeWork {
  /** a commit does not wait until its tree is measured: the next sync notes what it takes */
  readonly measuresLater: boolean;
  /** What a tree takes. @throws LayerhookError SYSTEM */
  measure(path: string): Promise<Usage>;
  /** As {@link measure}, of several; null for what is not there. @throws LayerhookError SYSTEM */
  measureAll(paths: string[]): Promise<(Usage | null)[]>;
  /** As {@link measure}, for what is to be a layer. @throws LayerhookError SNAPSHOT_ARGUMENT, SYSTEM */
  measureLayer(path: string): Promise<Usage>;
  /** Deletes trees that nobody knows any more, now or soon. @throws LayerhookError SYSTEM, if now */
  erase(paths: string[]): void;
  /** As {@link erase}, done when they are gone. @throws LayerhookError SYSTEM */
  eraseAll(paths: string[]): Promise<void>;
  /** Ends it; what is not done is left. */
  close(): Promise<void>;
}

/** By the thread that wants it, which waits: a command has nothing else to do. */
export const treeWorkHere: TreeWork = {
  measuresLater: false,
  async measure(path) {
    const { usageOf } = await import('./usage.js');
    return usageOf(path);
  },
  async measureAll(paths) {
    const { usageIfThere } = await import('./usage.js');
    return paths.map(usageIfThere);
  },
  async measureLayer(path) {
    const { usageOfLayer } = await import('./usage.js');
    return usageOfLayer(path);
  },
  erase: (paths) => paths.forEach(eraseTree),
  eraseAll: async (paths) => paths.forEach(eraseTree),
  close: async () => {},
};

/** Deletes a tree, unless another process does. @throws LayerhookError SYSTEM */
export function eraseTree(path: string): void {
  try {
    erase(path);
  } catch (error) {
    throw fsError(error, `removing ${path}`);
  }
}
