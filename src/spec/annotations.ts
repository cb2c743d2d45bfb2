import { LayerhookError } from '../errors/index.js';
import { isTime, normalizeTime } from '../image/time.js';
import type { ImageConfig } from '../image/types.js';

/**
 * Returns the annotations of a container: fields of the image config, and its labels, which override them.
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

/** Compares the UTF-8 bytes of two strings, as Go does. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Formats a time as umoci writes it: Go's zero time for a missing one. */
function formatTime(created: string | undefined): string {
  if (!created) return '0001-01-01T00:00:00Z';
  if (isTime(created)) return normalizeTime(created);
  throw new LayerhookError('IMAGE_INVALID', {
    what: 'created of the image',
    reason: `${created} is not an RFC 3339 time`,
  });
}
