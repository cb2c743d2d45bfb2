import { LayerhookError } from '../errors/index.js';

/**
 * The time that reproducible builds stamp on what they make, from SOURCE_DATE_EPOCH
 * (reproducible-builds.org/specs/source-date-epoch): seconds since the epoch; unset and empty mean none.
 *
 * @throws LayerhookError USAGE
 */
export function sourceDateEpoch(environment: NodeJS.ProcessEnv = process.env): Date | undefined {
  const value = environment.SOURCE_DATE_EPOCH;
  if (value === undefined || value === '') return undefined;
  const date = new Date(/^[+-]?\d+$/.test(value) ? Number(value) * 1000 : Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  const reason = `SOURCE_DATE_EPOCH=${JSON.stringify(value)} is no number of seconds`;
  throw new LayerhookError('USAGE', { reason, command: 'layerhook' });
}

/** RFC 3339 in UTC, without a fraction that is zero, as image configs have it. */
export function showTime(date: Date): string {
  return date
    .toISOString()
    .replace(/\.(\d*?)0*Z$/, (_, digits: string) => (digits === '' ? 'Z' : `.${digits}Z`));
}
