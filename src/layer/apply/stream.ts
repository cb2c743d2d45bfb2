import { layerBudget } from '../../tar/budget.js';
import { TarReader } from '../../tar/index.js';
import { encodeEntry } from '../entries/json.js';
import { type ByteSource, nothingUnsettled } from '../types.js';
import { checkEntry } from './check-entry.js';
import { entryError } from './errors.js';
import type { ApplyReply, StreamRequest } from './messages.js';
import { LineWriter, TarOutput } from './output.js';

/**
 * Writes the tar of a layer unchanged to a file or pipe, and its entries to a list, with blocking calls. Every entry is
 * checked as extraction does.
 *
 * @throws LayerhookError LAYER_ENTRY, NO_SPACE, SYSTEM, and the errors of the source; ReaderEnded
 */
export function streamLayer(source: ByteSource, request: Omit<StreamRequest, 'id' | 'from'>): ApplyReply {
  const { digest, list, budget = layerBudget() } = request;
  const out = new TarOutput(request);
  const read = () => {
    const piece = source.read();
    if (piece !== null) out.write(piece);
    return piece;
  };
  const reader = new TarReader({ read }, { digest, budget });
  const lines = list === null ? null : new LineWriter(list);
  const counter = new Int32Array(request.entries);
  let entries = 0;
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    try {
      const checked = checkEntry(entry, reader);
      if (checked !== null) lines?.add(encodeEntry(checked));
    } catch (error) {
      throw entryError(error, digest, entry.name);
    }
    Atomics.store(counter, 0, ++entries);
  }
  reader.drain();
  lines?.flush();
  return { bytes: reader.position, entries, unsettled: nothingUnsettled };
}
