import { AssertionError } from 'node:assert/strict';
import { diffTrees, type Tree, type TreeEntry } from './tree.js';

/** What a case cannot do without: to be root (owners, devices, mounts). */
export type Need = 'root';

/** One rule of a conformance suite, for any test runner: `for (const c of suite) test(c.name, () => c.run(harness))`. */
export interface ConformanceCase<Harness> {
  /** unique in its suite */
  name: string;
  /** what is expected, in a sentence */
  rule: string;
  /** where the rule stands: a specification, a man page, or the defect that taught it */
  source: string;
  needs: readonly Need[];
  /** @throws AssertionError that says what was expected, why, and what was found instead */
  run(harness: Harness): Promise<void>;
}

/** What is said of a case. */
export type CaseWords = Pick<ConformanceCase<never>, 'name' | 'rule' | 'source'> & {
  needs?: readonly Need[];
};

/** A case whose failures, whatever they are, say what its rule is. */
export function conformanceCase<Harness>(
  { needs = ['root'], ...words }: CaseWords,
  body: (harness: Harness) => Promise<void>,
): ConformanceCase<Harness> {
  return {
    ...words,
    needs,
    async run(harness) {
      try {
        await body(harness);
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

/** @throws AssertionError that lists what differs */
export function expectTree(
  actual: Tree,
  expected: Tree,
  ignore?: (path: string, field: string) => boolean,
): void {
  const differences = diffTrees(actual, expected, ignore);
  if (differences.length === 0) return;
  const more = differences.length > shown ? [`and ${differences.length - shown} more`] : [];
  throw new AssertionError({
    message: ['the tree differs, found / expected:', ...differences.slice(0, shown), ...more].join('\n  '),
  });
}

/** What is expected of single paths of a tree: some fields, or that they are not there. */
export type Expected = Record<string, { [Field in keyof TreeEntry]?: TreeEntry[Field] | undefined } | null>;

/** @throws AssertionError that names the first path which is not as expected */
export function expectPaths(tree: Tree, expected: Expected): void {
  for (const [path, fields] of Object.entries(expected)) {
    const entry = tree.get(path);
    const name = JSON.stringify(path);
    expect(fields !== null || !entry, `${name} is there`);
    if (fields === null) continue;
    expect(entry !== undefined, `${name} is not there`);
    for (const [field, value] of Object.entries(fields)) {
      const found = JSON.stringify(entry?.[field as keyof TreeEntry]);
      expect(found === JSON.stringify(value), `${name}: ${field} is ${found}, not ${JSON.stringify(value)}`);
    }
  }
}

/** @throws AssertionError with `found`, what is instead of what was expected */
export function expect(holds: boolean, found: string): asserts holds {
  if (!holds) throw new AssertionError({ message: found });
}
