import type { HistoryStat, ImageStat } from '../../image/stat.js';
import { normalizeTime } from '../../image/time.js';
import type { Descriptor } from '../../image/types.js';
import { compactJson, encodeJson } from '../../text/json-lossless.js';
import { sortedEntries } from './go-format.js';

/**
 * Returns the output of `umoci stat --json` without the newline: one line of JSON with all fields of the documents. An image
 * with referrers has a field for them that umoci lacks.
 */
export function statJson({ manifest, config, history, referrers }: ImageStat): string {
  const parts = [`"manifest":${documentJson(manifest)}`];
  if (config) parts.push(`"config":${documentJson(config)}`);
  if (history) parts.push(`"history":[${history.map(historyJson).join(',')}]`);
  if (referrers.length > 0)
    parts.push(`"referrers":[${referrers.map((each) => encode(inGoOrder(each))).join(',')}]`);
  return `{${parts.join(',')}}`;
}

function documentJson({ descriptor, blob }: { descriptor: Descriptor; blob: Buffer }): string {
  return `{"descriptor":${encode(inGoOrder(descriptor))},"blob":${compactJson(blob)}}`;
}

function historyJson({ layer, diffID, history }: HistoryStat): string {
  const { created, created_by, author, comment, empty_layer, ...rest } = history;
  return encode({
    layer: layer && inGoOrder(layer),
    diff_id: diffID,
    created: typeof created === 'string' ? normalizeTime(created) : undefined,
    created_by: created_by || undefined,
    author: author || undefined,
    comment: comment || undefined,
    empty_layer: empty_layer || undefined,
    ...rest,
  });
}

function inGoOrder(descriptor: Descriptor): object {
  const { mediaType, digest, size, urls, annotations, data, platform, artifactType, ...rest } = descriptor;
  return {
    mediaType,
    digest,
    size,
    urls,
    annotations: annotations && Object.fromEntries(sortedEntries(annotations)),
    data,
    platform,
    artifactType,
    ...rest,
  };
}

function encode(value: unknown): string {
  return encodeJson(value).toString().trimEnd();
}
