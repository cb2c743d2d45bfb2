import { AssertionError } from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { diffTrees, type Tree, type TreeEntry } from './tree.js';

/** What a case requires. `root`: privileges for owners, devices and mounts. */
export type Need = 'root';

/** One rule of a conformance suite, for any test runner: `for (const c of suite) test(c.name, () => c.run(harness))`. */
export interface ConformanceCase<Harness> {
  /** unique in its suite */
  name: string;
  /** the expected behaviour, in one sentence */
  rule: string;
  /** origin of the rule: a specification, a man page, or a known defect */
  source: string;
  needs: readonly Need[];
  /** @throws AssertionError with the expected behaviour, its source, and the actual behaviour */
  run(harness: Harness): Promise<void>;
}

/** The texts and requirements of a case. */
export type CaseWords = Pick<ConformanceCase<never>, 'name' | 'rule' | 'source'> & {
  needs?: readonly Need[];
};

/** How exactly a store keeps times. */
export type Precision = 'seconds' | undefined;

/** Of the case that runs: all its comparisons follow the harness. */
const precision = new AsyncLocalStorage<Precision>();

/** Returns a time as comparisons see it: `seconds` has 32 bits for whole seconds. */
function comparable(mtime: string): string {
  if (precision.getStore() !== 'seconds') return mtime;
  return `${Math.min(Math.max(Math.floor(Number(mtime)), 0), 2 ** 32 - 1)}`;
}

function comparableTree(tree: Tree): Tree {
  const inTree = ([path, entry]: [string, TreeEntry]) =>
    [path, { ...entry, mtime: comparable(entry.mtime) }] as const;
  return precision.getStore() === undefined ? tree : new Map([...tree].map(inTree));
}

/** Creates a case. All its failures include the rule. */
export function conformanceCase<Harness>(
  { needs = ['root'], ...words }: CaseWords,
  body: (harness: Harness) => Promise<void>,
): ConformanceCase<Harness> {
  return {
    ...words,
    needs,
    async run(harness) {
      try {
        await precision.run((harness as { times?: Precision }).times, () => body(harness));
      } catch (error) {
        throw failure(words, error as Error);
      }
    },
  };
}

function failure({ name, rule, source }: CaseWords, cause: Error): AssertionError {
  const { actual, expected } = cause as Partial<AssertionError>;
  const message = `${name}\nexpected: ${rule} (${source})\nfound: ${cause.message}`;
  return Object.assign(new AssertionError({ message, actual, expected, operator: 'conforms' }), { cause });
}

const shown = 12;

/** Compares two trees. @throws AssertionError that lists the differences */
export function expectTree(
  actual: Tree,
  expected: Tree,
  ignore?: (path: string, field: string) => boolean,
): void {
  const differences = diffTrees(comparableTree(actual), comparableTree(expected), ignore);
  if (differences.length === 0) return;
  const more = differences.length > shown ? [`and ${differences.length - shown} more`] : [];
  throw new AssertionError({
    message: ['the tree differs, found / expected:', ...differences.slice(0, shown), ...more].join('\n  '),
  });
}

/** Expected fields of some paths in a tree; null: the path must be missing. */
export type Expected = Record<string, { [Field in keyof TreeEntry]?: TreeEntry[Field] | undefined } | null>;

/** Compares some paths of a tree. @throws AssertionError that names the first unexpected path */
export function expectPaths(tree: Tree, expected: Expected): void {
  for (const [path, fields] of Object.entries(expected)) {
    const entry = tree.get(path);
    const name = JSON.stringify(path);
    expect(fields !== null || !entry, `${name} exists`);
    if (fields === null) continue;
    expect(entry !== undefined, `${name} is missing`);
    for (const [field, value] of Object.entries(fields)) {
      const found = show(field, entry?.[field as keyof TreeEntry]);
      expect(found === show(field, value), `${name}: ${field} is ${found}, not ${JSON.stringify(value)}`);
    }
  }
}

function show(field: string, value: unknown): string | undefined {
  return JSON.stringify(field === 'mtime' && typeof value === 'string' ? comparable(value) : value);
}

/** Requires a condition. @throws AssertionError with `found`, which describes the actual behaviour */
export function expect(holds: boolean, found: string): asserts holds {
  if (!holds) throw new AssertionError({ message: found });
}
