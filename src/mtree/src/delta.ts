import type { Entry, EntryType, KeywordMap } from './entry.js';
import { sameValue, toTarTime } from './equal.js';
import { isFlag, keywordPrefix } from './keywords.js';

/** One keyword that differs, with the values as written in the manifests. */
export interface KeyDelta {
  /** `missing`: only the old side has it; `extra`: only the new side */
  type: 'modified' | 'missing' | 'extra';
  /** canonical name; each extended attribute has its own, such as `xattr.user.a` (a byte string) */
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
  /** `missing`: only the old side has it; `extra`: only the new side; `errored`: reading it failed */
  type: 'modified' | 'missing' | 'extra' | 'errored';
  /** the keywords that differ, if modified */
  diffs: KeyDelta[];
  old: Entry | undefined;
  new: Entry | undefined;
  /** the read error, if errored */
  error?: Error;
}

export interface CompareOptions {
  /** compares only these keywords: canonical names; `xattr` stands for all extended attributes */
  keywords?: readonly string[];
  /**
   * True: a keyword that only one side has is a difference, as in go-mtree's library. False (the default): it is not, as
   * in mtree(8), except for extended attributes.
   */
  strict?: boolean;
  /** compares only files of these types */
  types?: readonly EntryType[];
}

/**
 * Returns the keywords in which two sides differ. If one side has `time` and the other `tar_time`, both are cut to whole
 * seconds. Flags for a check (such as `optional`) are never a difference.
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

/** True if either side has one of the compared types. */
export function typeCounts(
  types: readonly EntryType[] | undefined,
  ...sides: (EntryType | undefined)[]
): boolean {
  return types === undefined || sides.some((type) => type !== undefined && types.includes(type));
}

/** Sorts deltas by the bytes of their paths. */
export function sortDeltas(deltas: Delta[]): Delta[] {
  return deltas.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function counts(name: string, type: KeyDelta['type'], { keywords, strict }: CompareOptions): boolean {
  const prefix = keywordPrefix(name);
  if (isFlag(prefix)) return false;
  if (keywords && !keywords.includes(prefix) && !keywords.includes(twin(prefix))) return false;
  return strict === true || type === 'modified' || prefix === 'xattr';
}

/** Returns the other one of `time` and `tar_time`: a request for one includes the other, since both are aligned. */
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
