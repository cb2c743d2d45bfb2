/** One finished test of a TAP stream. */
export interface TapTest {
  title: string;
  outcome: 'passed' | 'failed' | 'skipped';
  /** the reason for skipping */
  reason: string;
  /** what ava says about a failed test: the first and last lines */
  details: string[];
}

/** The details of one test that are kept: CI shows only the end of a long output. */
const kept = { firstLines: 10, lastLines: 20, firstCharacters: 200, lastCharacters: 400 };

/** The result of a run. */
export interface TapTotals {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Reads ava's TAP output line by line, and counts outcomes.
 *
 * A test that logged `SKIPPED: reason` (test/helpers/requires.ts) counts as skipped, as does a test that ava skips. Some
 * failures appear only in ava's totals: tests that a crashed process never reached, or an interrupted run. {@link finish}
 * counts them as failed.
 */
export class TapReader {
  readonly tests: TapTest[] = [];
  #ended = false;
  #isInDetails = false;
  #failedByAva = 0;

  /** Processes one line, without its newline. */
  line(text: string): void {
    const test = /^(not )?ok \d+(?: - (.*))?$/.exec(text);
    if (test) this.#test(test[2] ?? '', test[1] !== undefined);
    this.#detail(text);
    const skipped = /^# {3}SKIPPED: (.*)/.exec(text);
    const last = this.tests.at(-1);
    if (skipped && last?.outcome === 'passed')
      Object.assign(last, { outcome: 'skipped', reason: skipped[1] });
    const failures = /^# fail (\d+)$/.exec(text);
    if (failures) {
      this.#ended = true;
      this.#failedByAva = Number(failures[1]);
    }
  }

  /** Returns the totals. @param status exit status of ava's process; null after a signal */
  finish(status: number | null): TapTotals {
    const count = (outcome: string) => this.tests.filter((test) => test.outcome === outcome).length;
    const failed = Math.max(count('failed'), this.#failedByAva);
    const unexplained = failed === 0 && (status !== 0 || !this.#ended);
    return { passed: count('passed'), failed: unexplained ? 1 : failed, skipped: count('skipped') };
  }

  #test(title: string, failed: boolean): void {
    const skip = /^(.*?) ?# SKIP(?: .*)?$/.exec(title);
    const isSkipped = skip !== null && !failed;
    this.tests.push({
      title: isSkipped ? skip[1]! : title,
      outcome: isSkipped ? 'skipped' : failed ? 'failed' : 'passed',
      reason: isSkipped ? 'test.skip' : '',
      details: [],
    });
  }

  /** Keeps a line of the block between `---` and `...` that follows a failed test. */
  #detail(text: string): void {
    const test = this.tests.at(-1);
    if (text === '  ---') this.#isInDetails = test?.outcome === 'failed';
    else if (text === '  ...') this.#isInDetails = false;
    else if (this.#isInDetails) keepDetail(test!.details, text);
  }
}

function keepDetail(details: string[], text: string): void {
  const { firstLines, lastLines, firstCharacters, lastCharacters } = kept;
  const isLong = text.length > firstCharacters + lastCharacters;
  details.push(isLong ? `${text.slice(0, firstCharacters)} … ${text.slice(-lastCharacters)}` : text);
  if (details.length > firstLines + lastLines) details.splice(firstLines, 1);
}
