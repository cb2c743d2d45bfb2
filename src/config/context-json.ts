import type { PointName } from '../points/points.js';
import { pointRow } from '../points/table.js';
import { typeWords } from '../points/words.js';
import { encodeJson } from '../text/json-lossless.js';

const shapes = ['simple', 'list', 'document'] as const;

/**
 * A context as exec hooks get it: one line of JSON. After `point` come the simple values, the lists, and last
 * the documents, so that all before the second `{` is ours and none of it the image's.
 */
export function encodeContext(point: PointName, context: object): Buffer {
  const fields = Object.entries(pointRow(point).context);
  const values = context as Record<string, unknown>;
  const json: Record<string, unknown> = { point };
  for (const shape of shapes) {
    for (const [name, { type }] of fields) {
      const word = typeWords[type];
      if (word.shape !== shape) continue;
      const value = values[name];
      json[name] = word.encode === undefined ? value : word.encode(value as never);
    }
  }
  return encodeJson(json);
}
