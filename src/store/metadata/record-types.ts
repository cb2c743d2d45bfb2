import type { LowerDependency } from '../../overlay/fix-up/fix-up.js';
import type { ErofsRecord, Kind, Usage } from '../types.js';

/** A snapshot of one client. */
export interface NameRecord {
  kind: Kind;
  /** a name of the same client, or '' */
  parent: string;
  /** number of the directory */
  content: string;
  labels: Record<string, string>;
  /** ms since the epoch */
  created: number;
  updated: number;
  /** true: the stored record is damaged, so this one was restored from other rows and defaults */
  lost?: true;
}

/** Identifies the layer in a content. */
export interface LayerRecord {
  /** '' if the client did not name it */
  diffID: string;
  map: string;
  /** every chain whose top layer it is known to be */
  chainIDs: string[];
  /** what it took from its lower layers; null: unknown, so the content is only valid for its chains */
  dependencies: LowerDependency[] | null;
}

/** A content: a directory that one or more names point to. */
export interface ContentRecord {
  created: number;
  /** ID of the boot that last wrote it */
  boot: string;
  /** True if it is known to be on disk. */
  flushed: boolean;
  /** present if it is committed; null: not measured yet */
  usage?: Usage | null;
  layer?: LayerRecord;
  /** present if its files are in an EROFS image, not in its directory */
  erofs?: ErofsRecord;
  /** why it is damaged */
  damaged?: string;
}

/** A name and its client. */
export interface Owner {
  client: string;
  name: string;
}
