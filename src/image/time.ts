/** Formats a time for image configs: RFC 3339 in UTC, without a fraction of zero. */
export function showTime(date: Date): string {
  return normalizeTime(date.toISOString());
}

const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** True if the text has the form of an RFC 3339 time. */
export function isTime(text: string): boolean {
  return timePattern.test(text);
}

/**
 * Rewrites an RFC 3339 time as Go writes it: at most nine digits of fraction, without trailing zeros, `Z` for UTC.
 *
 * @returns `time` unchanged if it is not an RFC 3339 time
 */
export function normalizeTime(time: string): string {
  const match = timePattern.exec(time);
  if (!match) return time;
  const fraction = (match[2] ?? '').slice(0, 10).replace(/\.?0*$/, '');
  const zone = match[3] === '+00:00' || match[3] === '-00:00' ? 'Z' : match[3];
  return `${match[1]}${fraction}${zone}`;
}
