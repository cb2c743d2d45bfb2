import type { LowerDependency } from '../../overlay/fix-up/fix-up.js';
import type { Kind, Usage } from '../types.js';

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
  /** its record was lost: what is not told by others is made up */
  lost?: true;
}

/** What a layer's content is known by. */
export interface LayerRecord {
  /** '' where a client did not say */
  diffID: string;
  map: string;
  /** every chain that it has been found to be the top of */
  chainIDs: string[];
  /** what it took from below; null: not known, so that it holds for its chains only */
  dependencies: LowerDependency[] | null;
}

/** A directory, which one name or many point to. */
export interface ContentRecord {
  created: number;
  /** boot id of when it was last written */
  boot: string;
  /** known to be on disk */
  flushed: boolean;
  /** of a committed one; null: not measured yet */
  usage?: Usage | null;
  layer?: LayerRecord;
  /** why it is not to be trusted */
  damaged?: string;
}

/** A name with the client whose it is. */
export interface Owner {
  client: string;
  name: string;
}
