import type { Entry, EntryType, KeywordMap } from './entry.js';
import { sameValue, toTarTime } from './equal.js';
import { isFlag, keywordPrefix } from './keywords.js';

/** One keyword that differs. Values are as the manifests have them. */
export interface KeyDelta {
  /** `missing`: only the old side has it; `extra`: only the new side */
  type: 'modified' | 'missing' | 'extra';
  /** canonical name; extended attributes one by one, as `xattr.user.a` (a byte string) */
  name: string;
  /** undefined if extra */
  old: string | undefined;
  /** undefined if missing */
  new: string | undefined;
}

/** One file that differs. */
export interface Delta {
  /** byte string relative to the root, `.` for the root */
  path: string;
  /** `missing`: only the old side has it; `extra`: only the new side; `errored`: it could not be read */
  type: 'modified' | 'missing' | 'extra' | 'errored';
  /** what differs, if modified */
  diffs: KeyDelta[];
  old: Entry | undefined;
  new: Entry | undefined;
  /** why it could not be read, if errored */
  error?: Error;
}

export interface CompareOptions {
  /** compare these keywords only: canonical names, `xattr` for all of its kind */
  keywords?: readonly string[];
  /**
   * Whether a keyword that only one side has is a difference. It is not by default, as for mtree(8); go-mtree's
   * library says it is. Extended attributes always count.
   */
  strict?: boolean;
  /** look at files of these types only */
  types?: readonly EntryType[];
}

/**
 * The keywords in which two sides differ. Where one has `time` and the other `tar_time`, both are cut to seconds.
 * What an entry asks of a check (`optional` and so on) is no difference.
 */
export function diffKeywords(old: KeywordMap, other: KeywordMap, options: CompareOptions): KeyDelta[] {
  const [before, after] = alignTimes(old, other);
  const diffs: KeyDelta[] = [];
  for (const [name, value] of before) {
    const now = after.get(name);
    if (now !== undefined && sameValue(name, value, now)) continue;
    const type = now === undefined ? 'missing' : 'modified';
    if (counts(name, type, options)) diffs.push({ type, name, old: value, new: now });
  }
  for (const [name, value] of after) {
    if (before.has(name) || !counts(name, 'extra', options)) continue;
    diffs.push({ type: 'extra', name, old: undefined, new: value });
  }
  return diffs;
}

/** Whether either side is of a type that is looked at. */
export function typeCounts(
  types: readonly EntryType[] | undefined,
  ...sides: (EntryType | undefined)[]
): boolean {
  return types === undefined || sides.some((type) => type !== undefined && types.includes(type));
}

/** Deltas in the order of their paths' bytes. */
export function sortDeltas(deltas: Delta[]): Delta[] {
  return deltas.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function counts(name: string, type: KeyDelta['type'], { keywords, strict }: CompareOptions): boolean {
  const prefix = keywordPrefix(name);
  if (isFlag(prefix)) return false;
  if (keywords && !keywords.includes(prefix) && !keywords.includes(twin(prefix))) return false;
  return strict === true || type === 'modified' || prefix === 'xattr';
}

/** A request for one of the two times is a request for the other: they are aligned before. */
function twin(name: string): string {
  if (name === 'time') return 'tar_time';
  return name === 'tar_time' ? 'time' : name;
}

function alignTimes(one: KeywordMap, other: KeywordMap): [KeywordMap, KeywordMap] {
  const mixed = (one.has('tar_time') && other.has('time')) || (one.has('time') && other.has('tar_time'));
  return mixed ? [withTarTime(one), withTarTime(other)] : [one, other];
}

function withTarTime(map: KeywordMap): KeywordMap {
  const time = map.get('time');
  if (time === undefined) return map;
  const aligned = new Map(map);
  aligned.delete('time');
  if (!aligned.has('tar_time')) aligned.set('tar_time', toTarTime(time));
  return aligned;
}
