import type { ByteString } from '../../system/bytes.js';
import type { LowerFile } from '../lower-stack.js';
import type { LowerTree } from '../lower-tree.js';
import type { Names } from './names.js';
import type { UpperLayer } from './upper-layer.js';

/** The layer that is being fixed up, as the steps of the work see it. */
export interface FixUp {
  readonly upper: UpperLayer;
  readonly lower: LowerTree | null;
  readonly names: Names;
  /** directories that the layer does not list */
  readonly implicit: ReadonlySet<ByteString>;
  /** Returns what the lower layers show at a path; null also where this layer hides them. */
  below(path: ByteString): LowerFile | null;
  /** Returns true if a directory exists only to hide something in the lower layers. */
  isHiding(path: ByteString): boolean;
  /** Returns true if the layer has a file at a path, or hides what the lower layers have there. */
  covers(path: ByteString): boolean;
  /** Makes directories in the layer like those of the lower layers. */
  makeDirectories(path: ByteString): void;
  /** Notes that a directory needs nothing from the lower layers. */
  forget(path: ByteString): void;
  /** Returns true while an implicit directory is being fixed up: a path that leads to it in that time is a loop. */
  isUnderWay(path: ByteString): boolean;
  /** Gives an implicit directory what the lower layers say about it, or removes it. Leaves others unchanged. */
  fixUpDirectory(path: ByteString): void;
}
