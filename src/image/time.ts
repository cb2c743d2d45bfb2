/** RFC 3339 in UTC, without a fraction that is zero, as image configs have it. */
export function showTime(date: Date): string {
  return normalizeTime(date.toISOString());
}

/**
 * An RFC 3339 time as Go writes it: at most nine digits of fraction, none of them a trailing zero, `Z` for UTC.
 *
 * @returns `time` itself if it is no such time
 */
export function normalizeTime(time: string): string {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (!match) return time;
  const fraction = (match[2] ?? '').slice(0, 10).replace(/\.?0*$/, '');
  const zone = match[3] === '+00:00' || match[3] === '-00:00' ? 'Z' : match[3];
  return `${match[1]}${fraction}${zone}`;
}
