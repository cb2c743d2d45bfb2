/** Where the library says what it does; only the command line prints. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** What an operation tells while it runs. `bytes` are uncompressed, of this layer so far. */
export type ProgressEvent =
  | { type: 'layers'; layers: { digest: string; size: number }[] }
  | { type: 'layer-skipped'; index: number; by: string }
  | { type: 'layer-progress'; index: number; blobBytes: number; bytes: number; entries: number }
  | { type: 'layer-done'; index: number; bytes: number; entries: number }
  | { type: 'phase'; name: string };
