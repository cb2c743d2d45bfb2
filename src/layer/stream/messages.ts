import type { TransferredError } from '../../errors/transfer.js';
import type { LayerSource } from '../types.js';

/** What a source was, once all of it has been read and verified. */
export interface SourceSummary {
  /** bytes of the tar, whatever follows its last entry included */
  bytes: number;
  blobBytes: number;
  digest: string;
  diffID: string;
}

/** To the worker: sources are worked off one after the other. Aborting goes through the ring. */
export interface OpenMessage {
  id: number;
  source: LayerSource;
  ring: SharedArrayBuffer;
}

/** From the worker, once for each source. */
export type ClosedMessage = { id: number; summary: SourceSummary } | { id: number; error: TransferredError };
