import type { Header } from 'mtree-ts';
import type { TransferredError } from '../../errors/transfer.js';
import type { HoleBudget } from '../holes.js';
import type { ApplyOptions, LayerSource, Unsettled, Usage } from '../types.js';

/** To the apply worker. Requests are worked off one after the other, blocking the thread. */
export type ApplyRequest = LayerRequest | ({ id: number; type: 'manifest' } & ManifestRequest);

export interface LayerRequest {
  id: number;
  type: 'apply';
  /** the layer's tar, or where a small layer is, which the thread reads itself */
  from: SharedArrayBuffer | LayerSource;
  digest: string;
  target: string;
  options: ApplyOptions;
  /** key of what is known of the target from layer to layer; null: nothing is kept */
  track: string | null;
  /** keep digests of content, for a manifest */
  digests: boolean;
  /** how many holes may be hashed for that, in all requests together */
  holes: HoleBudget;
  /** where the number of entries done is counted: one Int32 */
  entries: SharedArrayBuffer;
}

/**
 * What is to be believed of a directory since layers were applied to it: that all in it is as it was made, that all is there
 * and nothing else, or nothing.
 */
export type SinceApplied = 'untouched' | 'kept' | 'changed';

export interface ManifestRequest {
  target: string;
  track: string;
  file: string;
  header: Header;
  since: SinceApplied;
  /** the track ends with this, and the manifest is flushed to the disk by whoever flushes the directory */
  ends: boolean;
}

export interface ApplyReply {
  /** uncompressed bytes read */
  bytes: number;
  entries: number;
  unsettled: Unsettled;
}

/** A request as it is made. */
export type Requested<R> = R extends unknown ? Omit<R, 'id'> : never;

/** null: the small layer cannot be read as a whole, and nothing was done. */
export type Reply<R extends Pick<ApplyRequest, 'type'>> = R extends { type: 'apply' }
  ? ApplyReply | null
  : Usage;

/** From the apply worker: that it is loaded, then warnings as they come and one answer for each request. */
export type ApplyMessage =
  | { loaded: true }
  | { warning: string }
  | { id: number; reply: Reply<ApplyRequest> }
  | { id: number; error: TransferredError };
