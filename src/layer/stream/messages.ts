import type { TransferredError } from '../../errors/transfer.js';
import type { LayerSource } from '../types.js';

/** Facts about a source, after all of it has been read and verified. */
export interface SourceSummary {
  /** bytes of the tar, including data after its last entry */
  bytes: number;
  blobBytes: number;
  digest: string;
  diffID: string;
  /** what decompressed it, such as `libisal2` */
  decompressor: string;
}

/** A message to the worker, which reads one source after the other. Aborting goes through the ring. */
export interface OpenMessage {
  id: number;
  source: LayerSource;
  ring: SharedArrayBuffer;
}

/** A message from the worker, one for each source. */
export type ClosedMessage = { id: number; summary: SourceSummary } | { id: number; error: TransferredError };

/** A message to a HashThread's thread. It answers through the ring. */
export interface HashMessage {
  ring: SharedArrayBuffer;
  algorithm: string;
  /** of the layer, for a trace */
  digest: string;
}
