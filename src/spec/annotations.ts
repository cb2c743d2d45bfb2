import { LayerhookError } from '../errors/index.js';
import type { ImageConfig } from '../image/types.js';

/**
 * The annotations of a container: what the image config says about itself, and its labels, which win.
 * image-spec conversion.md, "Annotation Fields".
 */
export function annotationsOf(image: ImageConfig): Record<string, string> {
  const { config = {} } = image;
  const own: Record<string, string | undefined> = {
    architecture: image.architecture,
    author: image.author,
    created: formatTime(image.created),
    exposedPorts: Object.keys(config.ExposedPorts ?? {})
      .sort(byBytes)
      .join(','),
    os: image.os,
    stopSignal: config.StopSignal,
    variant: image.variant,
  };
  const annotations = new Map<string, string>();
  for (const [name, value] of Object.entries(own)) {
    if (value) annotations.set(`org.opencontainers.image.${name}`, value);
  }
  for (const [name, value] of Object.entries(config.Labels ?? {})) annotations.set(name, value);
  return Object.fromEntries([...annotations].sort(([a], [b]) => byBytes(a, b)));
}

/** Order of the names' UTF-8 bytes, which is how Go sorts. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** RFC 3339 as umoci writes it: no trailing zeros, `Z` for UTC; the zero time of Go when the image has none. */
function formatTime(created: string | undefined): string {
  if (created === undefined) return '0001-01-01T00:00:00Z';
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(created);
  if (match === null) {
    throw new LayerhookError('IMAGE_INVALID', {
      what: 'created of the image',
      reason: `${created} is no time`,
    });
  }
  const [, seconds, fraction = '', zone] = match;
  return seconds + fraction.replace(/\.?0*$/, '') + (/^[+-]00:00$/.test(zone!) ? 'Z' : zone);
}
