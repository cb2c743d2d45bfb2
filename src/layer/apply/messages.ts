import type { Header } from 'mtree-ts';
import type { TransferredError } from '../../errors/transfer.js';
import type { LayerBudget } from '../../tar/budget.js';
import type { HoleBudget } from '../holes.js';
import type { DirectLayer, SourceSummary } from '../stream/index.js';
import type { ApplyOptions, LayerSource, Unsettled, Usage } from '../types.js';

/** A message to the apply worker, which handles one request after the other and blocks its thread meanwhile. */
export type ApplyRequest =
  | LayerRequest
  | StreamRequest
  | ({ id: number; type: 'manifest' } & ManifestRequest);

export interface LayerRequest {
  id: number;
  type: 'apply';
  /** a ring with the layer's tar, or a layer that the thread reads itself: a small one as a whole */
  from: SharedArrayBuffer | LayerSource | DirectLayer;
  digest: string;
  target: string;
  options: ApplyOptions;
  /** key of the tree that is kept for the target from layer to layer; null: it is not kept */
  track: string | null;
  /** keep digests of content, for an mtree manifest */
  digests: boolean;
  /** how many bytes of holes may be hashed for the digests, in all requests together */
  holes: HoleBudget;
  /** one Int32: the number of entries applied */
  entries: SharedArrayBuffer;
  /** what the layers of the operation may cost */
  budget?: LayerBudget | undefined;
}

/** A layer that is not applied: its tar goes unchanged to a file or pipe. */
export interface StreamRequest extends Pick<LayerRequest, 'id' | 'from' | 'digest' | 'entries' | 'budget'> {
  type: 'stream';
  /** open for writing, O_NONBLOCK for a pipe */
  fd: number;
  /** where it leads to, for errors */
  what: string;
  /** open file for the list of entries; null: no list is wanted */
  list: number | null;
  /** one Int32: not 0 ends a wait for the reader of a pipe */
  stop: SharedArrayBuffer;
}

/** What may have happened to a directory since layers were applied to it: at most metadata changed (`kept`); anything (`changed`). */
export type SinceApplied = 'kept' | 'changed';

export interface ManifestRequest {
  target: string;
  track: string;
  file: string;
  header: Header;
  since: SinceApplied;
  /** this is the last request of the track; the caller flushes the mtree manifest together with the directory */
  ends: boolean;
}

export interface ApplyReply {
  /** uncompressed bytes read */
  bytes: number;
  entries: number;
  unsettled: Unsettled;
  /** of a {@link DirectLayer} */
  read?: SourceSummary | undefined;
}

/** A request before it gets its id. */
export type Requested<R> = R extends unknown ? Omit<R, 'id'> : never;

/** The reply to a request. null: the thread cannot read this layer itself, and nothing was done. */
export type Reply<R extends Pick<ApplyRequest, 'type'>> = R extends { type: 'apply' | 'stream' }
  ? ApplyReply | null
  : Usage;

/** A message from the apply worker: first `loaded`, then warnings as they come and one answer per request. */
export type ApplyMessage =
  | { loaded: true }
  | { warning: string }
  | { id: number; reply: Reply<ApplyRequest> }
  | { id: number; error: TransferredError };
