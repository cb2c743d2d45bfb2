/**
 * fast-check for all property tests, with a fixed seed, so that runs are reproducible. `FC_SEED=random` tries new cases,
 * `FC_SEED=NUMBER` repeats a run. A failing property prints its seed on stderr.
 */
import fc, { type RunDetails } from 'fast-check';

const fixedSeed = 325;

fc.configureGlobal({ ...seedOf(process.env.FC_SEED), reporter: report, includeErrorInReport: true });

export default fc;

/** The seed as fast-check's parameter; empty for `random`. */
export function seedOf(given: string | undefined): { seed?: number } {
  if (given === 'random') return {};
  const seed = Number(given || fixedSeed);
  if (!Number.isInteger(seed)) throw new Error(`FC_SEED=${given} is neither a whole number nor random`);
  return { seed };
}

/** Throws fast-check's error. ava shows only a failed assertion, so the seed is printed on stderr too. */
function report(details: RunDetails<unknown>): void {
  if (!details.failed) return;
  console.error(
    `a property failed; FC_SEED=${details.seed} repeats it, its path is ${details.counterexamplePath}`,
  );
  throw new Error(fc.defaultReportMessage(details));
}
