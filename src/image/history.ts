import { normalizeTime, showTime } from './time.js';
import type { History, ResolvedImage } from './types.js';

/** What a history entry says; image-spec config.md, "history". `created` is RFC 3339. */
export interface HistoryOptions {
  author?: string;
  comment?: string;
  created?: string;
  createdBy?: string;
}

/**
 * The history entry of a new layer; null if none is wanted.
 *
 * @param sourceDateEpoch its time, in seconds since the epoch, unless `created` says another; default: now
 * @param defaults values for options that the caller leaves out
 */
export function historyEntry(
  history: HistoryOptions | false | undefined,
  sourceDateEpoch: number | undefined,
  defaults: { createdBy: string; author?: string | undefined },
): History | null {
  if (history === false) return null;
  const now = sourceDateEpoch === undefined ? new Date() : new Date(sourceDateEpoch * 1000);
  const { author = defaults.author, comment, created, createdBy } = history ?? {};
  return {
    created: created === undefined ? showTime(now) : normalizeTime(created),
    created_by: createdBy ?? defaults.createdBy,
    ...(author && { author }),
    ...(comment && { comment }),
  };
}

/** Returns the history with an empty entry for each layer that has none, so that later entries belong to their layers. */
export function padHistory({
  manifest,
  config: { history = [] },
}: Pick<ResolvedImage, 'manifest' | 'config'>): History[] {
  const missing = manifest.layers.length - history.filter(({ empty_layer: empty }) => !empty).length;
  return [...history, ...Array.from({ length: Math.max(missing, 0) }, () => ({}))];
}
