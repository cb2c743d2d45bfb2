import type { BigIntStats } from 'node:fs';
import {
  type CompareOptions,
  type Delta,
  diffKeywords,
  type KeyDelta,
  sortDeltas,
  typeCounts,
} from './delta.js';
import { type ContentKeyword, contentKeywords, digestFile } from './digest.js';
import { Entry, type KeywordMap } from './entry.js';
import { atLine } from './error.js';
import { canonicalKeyword, type Keyword } from './keywords.js';
import type { Manifest } from './manifest.js';
import { isBelow } from './path.js';
import { computable, isComputable, metadataReader, type SystemOptions } from './read-values.js';
import { allSteps, type Steps } from './steps.js';
import { type Found, guardSteps, traverse, type Visitor } from './traverse.js';
import type { Values } from './values.js';
import { toKeywords } from './walk.js';

export interface CheckOptions extends CompareOptions, SystemOptions {
  /** returns true to skip a file and everything below it; `path` is a byte string relative to the root */
  exclude?: (path: string, stats: BigIntStats) => boolean;
}

/**
 * Compares a directory with a manifest, by default for the keywords that the manifest uses.
 *
 * Reads only what the keywords need. Digests need the content of a file, which is not read if the type or size already
 * differs; in that case digests are missing from the differences. A file that cannot be read is `errored`, and the check
 * goes on. Flags of the manifest work as in {@link compare}.
 *
 * @param root the directory, or a symbolic link to it
 * @returns the differences, sorted by path
 * @throws MtreeError NOT_A_DIRECTORY, UNREADABLE (the root), NO_XATTRS, UNKNOWN_KEYWORD (with `strict` or `keywords`)
 */
export function check(root: string | Buffer, manifest: Manifest, options: CheckOptions = {}): Delta[] {
  return allSteps(checkSteps(root, manifest, options));
}

/** Does the same as {@link check}, in steps. */
export function* checkSteps(
  root: string | Buffer,
  manifest: Manifest,
  options: CheckOptions = {},
): Steps<Delta[]> {
  const checker = new Checker(manifest, options);
  yield* traverse(root, checker);
  checker.addMissing();
  return sortDeltas(checker.deltas);
}

/** Shared: a hostile manifest has millions of missing files. */
const noDiffs: KeyDelta[] = [];

class Checker implements Visitor {
  readonly deltas: Delta[] = [];
  readonly access: CheckOptions['access'];
  readonly #manifest: Manifest;
  readonly #options: CheckOptions & { keywords: readonly Keyword[] };
  /** the keywords that do not need file content */
  readonly #cheap: readonly Keyword[];
  readonly #read: (found: Found) => Values;
  readonly #seen = new Set<string>();
  /** directories whose entries are skipped */
  readonly #skipped = new Set<string>();

  constructor(manifest: Manifest, options: CheckOptions) {
    const keywords = keywordsToCheck(manifest, options);
    this.#manifest = manifest;
    this.access = options.access;
    this.#options = { ...options, keywords };
    this.#cheap = keywords.filter((keyword) => !isContent(keyword));
    this.#read = metadataReader(this.#cheap, options);
  }

  *enterDirectory(found: Found): Steps<boolean> {
    yield* this.#visit(found);
    return !this.#skipped.has(found.path);
  }

  file(found: Found): Steps<void> {
    return this.#visit(found);
  }

  leaveDirectory(): void {}

  unreadable(path: string, error: Error): void {
    this.#seen.add(path);
    this.#skipped.add(path);
    this.deltas.push({
      path,
      type: 'errored',
      diffs: [],
      old: this.#manifest.get(path),
      new: undefined,
      error,
    });
  }

  /** Adds the files of the manifest that are missing in the directory. Call it at the end. */
  addMissing(): void {
    for (const [path, entry] of this.#manifest.byPath) {
      if (this.#seen.has(path) || isBelow(path, this.#skipped) || entry.has('optional')) continue;
      if (!typeCounts(this.#options.types, entry.type)) continue;
      this.deltas.push({ path, type: 'missing', diffs: noDiffs, old: entry, new: undefined });
    }
  }

  *#visit(found: Found): Steps<void> {
    const { path } = found;
    this.#seen.add(path);
    const entry = this.#manifest.get(path);
    if (this.#options.exclude?.(path, found.stats)) {
      this.#skipped.add(path);
      return;
    }
    if (entry?.has('ignore')) this.#skipped.add(path);
    if (!entry?.has('nochange')) yield* guardSteps(path, this, this.#check(found, entry));
  }

  *#check(found: Found, old: Entry | undefined): Steps<void> {
    const { path } = found;
    const values = this.#read(found);
    if (!typeCounts(this.#options.types, old?.type, values.type)) return;
    if (old === undefined) {
      const now = new Entry(path, 0, '', toKeywords(values, this.#cheap));
      this.deltas.push({ path, type: 'extra', diffs: [], old, new: now });
      return;
    }
    const [now, keywords] = yield* this.#withContent(found, values, old);
    const diffs = atLine(old.line, () => diffKeywords(old.keywords, now, { ...this.#options, keywords }));
    if (diffs.length > 0) {
      this.deltas.push({ path, type: 'modified', diffs, old, new: new Entry(path, 0, '', now) });
    }
  }

  /** Returns the current keywords of a file, with digests if they are compared, and the keywords to compare. */
  *#withContent(found: Found, values: Values, old: Entry): Steps<[KeywordMap, readonly Keyword[]]> {
    const { keywords, strict } = this.#options;
    const now = toKeywords(values, this.#cheap);
    const content = keywords.filter(isContent).filter((keyword) => strict || old.has(keyword));
    if (content.length === 0 || values.type !== 'file') return [now, keywords];
    if (diffKeywords(old.keywords, now, { keywords: ['type', 'size'] }).length > 0) return [now, this.#cheap];
    const digests = yield* digestFile(found.location, content, this.access);
    content.forEach((keyword, i) => {
      now.set(keyword, digests[i]!);
    });
    return [now, keywords];
  }
}

function isContent(keyword: Keyword): keyword is ContentKeyword {
  return (contentKeywords as readonly Keyword[]).includes(keyword);
}

/**
 * Returns the keywords to compare, always with the type. Keywords that cannot be read from a file, such as `tags`, are an
 * error if strict; otherwise they are left out.
 */
function keywordsToCheck(manifest: Manifest, options: CheckOptions): Keyword[] {
  const asked = options.keywords?.map(canonicalKeyword) ?? manifest.usedKeywords();
  const names = [...new Set(['type', ...asked])];
  const lenient = options.keywords === undefined && !options.strict;
  return computable(lenient ? names.filter(isComputable) : names, options);
}
