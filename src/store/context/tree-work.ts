import { fsError } from '../../errors/fs-error.js';
import type { OnRemoved } from '../../system/remove.js';
import type { Usage } from '../types.js';
import { erase } from './erase.js';

/** The operations of a store that walk whole trees, so that their time grows with the tree. */
export interface TreeWork {
  /** True if a commit does not wait for the measurement of its tree: the next sync records the usage. */
  readonly measuresLater: boolean;
  /** Returns the usage of a tree. @throws LayerhookError SYSTEM */
  measure(path: string): Promise<Usage>;
  /** As {@link measure}, of several trees; null for a missing tree. @throws LayerhookError SYSTEM */
  measureAll(paths: string[]): Promise<(Usage | null)[]>;
  /** As {@link measure}, and checks that the tree can be a layer. @throws LayerhookError SNAPSHOT_ARGUMENT, SYSTEM */
  measureLayer(path: string): Promise<Usage>;
  /** Makes an EROFS image of a tree. @throws LayerhookError LIMIT_EXCEEDED if no image can hold it; NO_SPACE, SYSTEM */
  image(path: string, image: string): Promise<void>;
  /**
   * Deletes an unused tree, now or in the background.
   *
   * @param onRemoved called while the tree is deleted, if now
   * @throws LayerhookError SYSTEM, if now
   */
  erase(path: string, onRemoved?: OnRemoved): void;
  /** Deletes unused trees; resolves when the trees are deleted. @throws LayerhookError SYSTEM */
  eraseAll(paths: string[]): Promise<void>;
  /** Stops the work; unfinished trees stay. */
  close(): Promise<void>;
}

/** Does the work inline: a command has nothing else to do meanwhile. */
export const inlineTreeWork: TreeWork = {
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
  async image(path, image) {
    const { writeDirectoryImage } = await import('../../erofs/directory-image.js');
    writeDirectoryImage(path, image);
  },
  erase: eraseTree,
  async eraseAll(paths) {
    for (const path of paths) eraseTree(path);
  },
  close: async () => {},
};

/** Deletes a tree, unless another process is deleting it. @throws LayerhookError SYSTEM */
export function eraseTree(path: string, onRemoved?: OnRemoved): void {
  try {
    erase(path, onRemoved);
  } catch (error) {
    throw fsError(error, `removing ${path}`);
  }
}
