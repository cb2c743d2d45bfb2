/**
 * fast-check for every property test, with one seed, so that a run says the same each time. `FC_SEED=random` explores,
 * `FC_SEED=NUMBER` repeats; a property that fails says its seed on stderr.
 */
import fc, { type RunDetails } from 'fast-check';

const fixedSeed = 325;

fc.configureGlobal({ ...seedOf(process.env.FC_SEED), reporter: report });

export default fc;

/** As fast-check's parameter: none for `random`. */
export function seedOf(given: string | undefined): { seed?: number } {
  if (given === 'random') return {};
  const seed = Number(given || fixedSeed);
  if (!Number.isInteger(seed)) throw new Error(`FC_SEED=${given} is neither a whole number nor random`);
  return { seed };
}

/** Throws as fast-check itself would; ava shows a failed assertion instead of that, so the seed goes to stderr too. */
function report(details: RunDetails<unknown>): void {
  if (!details.failed) return;
  console.error(
    `a property failed; FC_SEED=${details.seed} repeats it, its path is ${details.counterexamplePath}`,
  );
  throw new Error(fc.defaultReportMessage(details));
}
