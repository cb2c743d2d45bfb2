/** Lets the system calls of a command fail. */
import type { Extent } from './crash.js';
import { Fault, runIn } from './place.js';
import { failing, hasFailed, type Point, pointsOf, sample, tracerFor } from './points.js';
import { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { Stage } from './trial.js';

/** Errors, and whether they last: a full disk stays full, and an interrupted call can be repeated. */
const errors = [
  { error: 'EIO', forever: false },
  { error: 'EIO', forever: true },
  { error: 'ENOSPC', forever: true },
  { error: 'EDQUOT', forever: true },
  { error: 'EMFILE', forever: true },
  { error: 'ENOMEM', forever: true },
  { error: 'EINTR', forever: false },
];

/** Calls by which node wakes its threads, and LMDB locks: they deadlock if these fail for ever. */
const neverLasting = new Set(['read', 'write', 'mmap', 'fcntl']);

/** A command that takes longer hangs. */
const seconds = 100;

/** Lets each call of a scenario's command fail with each error. */
export function fail(scenario: Scenario, { dir, limit, seed }: Extent): Report {
  const report = new Report(`errors: ${scenario.name}`);
  using stage = new Stage(scenario, dir);
  stage.begin();
  const points = pointsOf(stage.place, stage.command, failing);
  stage.disk.unmount();
  const all = points.flatMap((point) =>
    errors
      .filter(({ forever }) => !(forever && neverLasting.has(point.call)))
      .map((error) => ({ point, error })),
  );
  for (const { point, error } of sample(all, limit, seed))
    report.try(`${point.call} ${point.nth} ${error.error}${error.forever ? '+' : ''}`, () =>
      failAt(stage, point, error),
    );
  return report;
}

function failAt(stage: Stage, point: Point, error: (typeof errors)[number]): string {
  stage.begin();
  const { place, command, scenario } = stage;
  try {
    const limit = ['timeout', '-s', 'KILL', String(seconds)];
    const tracer = [...limit, ...tracerFor(place, point, error)];
    const { status, signal, stdout, stderr } = runIn(place, command, { tracer, seconds: seconds + 20 });
    if (!hasFailed(place)) return 'not met';
    if (signal !== null || status === 137) throw new Fault('it hangs');
    const isLog = command.input !== undefined;
    // the fault met a file of the program itself, which node loads
    if (/^node:internal\/.*ModuleLoader|Cannot find module '/ms.test(stderr)) return 'not met';
    if (status !== 0) requireClear(isLog ? stdout + stderr : stderr, isLog);
    const reached = stage.reached();
    if (status === 0 && reached !== 'new') throw new Fault(`exit status 0, but ${reached}: ${stderr}`);
    stage.collect(reached, scenario.leaves);
    stage.repeat();
    return status === 0 ? 'done in spite of it' : `refused, ${reached}`;
  } finally {
    stage.disk.unmount();
  }
}

/** What LMDB's own code prints, without a newline, about a write that fails. */
const lmdbPrints = /^Write error: .*?(?=layerhook: )/;

/** Requires one line that says what is wrong, after any warnings. */
function requireClear(output: string, isLog: boolean): void {
  const stderr = output.replace(lmdbPrints, '');
  if (/internal error|see the cause|\bat .*\.c?js:\d|this is a bug/.test(stderr)) throw new Fault(stderr);
  if (isLog ? !/level=error/.test(stderr) : !/^(?:\w+: warning: [^\n]*\n)*layerhook: [^\n]+\n$/.test(stderr))
    throw new Fault(`not one clear line: ${stderr}`);
}
