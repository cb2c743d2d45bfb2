/** Lets the system calls of a command fail. */

import { mainFile } from '../helpers/cli.js';
import type { Extent } from './crash.js';
import { type Failure, failuresOf, reasonOf } from './failures.js';
import { type Command, Fault, type Place, runIn } from './place.js';
import {
  alike,
  failedCalls,
  failing,
  isChanging,
  type Point,
  pointsOf,
  sample,
  tracerFor,
} from './points.js';
import { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { type Reached, Stage } from './trial.js';

/** A command that takes longer hangs: a busy machine stops one for minutes. */
const seconds = 300;

/** Lets each call of a scenario's command fail with each error. */
export function fail(scenario: Scenario, extent: Extent): Report {
  const report = new Report(`errors: ${scenario.name}`, extent.at);
  using stage = new Stage(scenario, extent.dir);
  stage.begin();
  const points = pointsOf(stage.place, stage.command, failing);
  stage.disk.unmount();
  report.situations = points.filter((point) => !isChanging(point)).flatMap(({ situations }) => situations);
  for (const { point, failure } of sample(chosen(points, extent), extent))
    report.try(`${point.call} ${point.nth} ${failure.error}${failure.forever ? '+' : ''}`, () =>
      failAt(stage, point, failure),
    );
  return report;
}

interface ErrorAt {
  point: Point;
  failure: Failure;
}

/**
 * Returns the faults to try: of each situation and each reason, at most as many as the extent says. The errors of one reason take
 * turns. Situations of calls that only read count for all scenarios together: no state depends on them.
 */
function chosen(points: readonly Point[], { alike: most, seed, known }: Extent): ErrorAt[] {
  const others = new Set(known);
  const all = points.flatMap((point, at) => {
    const failures = failuresOf(point);
    const turn = (at + seed) % failures.length;
    return [...failures.slice(turn), ...failures.slice(0, turn)].map((failure) => ({ point, failure }));
  });
  return alike(
    all,
    ({ point, failure }) =>
      point.situations
        .filter((each) => isChanging(point) || !others.has(each))
        .map((each) => `${reasonOf(point.call, failure.error)} ${each}`),
    most,
  );
}

function failAt(stage: Stage, point: Point, failure: Failure): string {
  stage.begin();
  const { place, command } = stage;
  try {
    const limit = ['timeout', '-s', 'KILL', String(seconds)];
    const tracer = [...limit, ...tracerFor(place, point, failure)];
    const { status, signal, stdout, stderr } = runIn(place, command, { tracer, seconds: seconds + 20 });
    const failed = failedCalls(place);
    if (failed.length === 0) return 'not met';
    if (signal === 'SIGKILL' || status === 137) {
      if (!failed.some(isWaking)) throw new Fault(`it hangs: ${failed.at(-1)}`);
      recover(stage);
      return 'waits for libuv';
    }
    const library = signal === null ? undefined : crashed(signal, failed, place);
    if (signal !== null && library === undefined)
      throw new Fault(`it ends by ${signal}: ${failed.at(-1)} ${stderr}`);
    const isLog = command.input !== undefined;
    // the fault met a file of the program itself, which node loads
    if (isBeforeProgram(command, status, stderr)) return 'not met';
    if (/^node:internal\/.*ModuleLoader|Cannot find module '|Cannot read package config /ms.test(stderr))
      return 'not met';
    const said = isLog ? stdout + stderr : stderr;
    if (status !== null && status !== 0) requireClear(said, command);
    const judged = judge(stage, status === 0 ? undefined : (library ?? 'refused'), stdout + stderr);
    if (status !== null && status !== 0) requireNamed(said, failure.error);
    return judged;
  } finally {
    stage.disk.unmount();
  }
}

/**
 * Requires a right state.
 *
 * @param failed how the command failed; undefined: it did its work
 * @param said what the command printed
 * @returns what the state is
 */
function judge(stage: Stage, failed: string | undefined, said: string): string {
  if (failed !== undefined && stage.isUntouched()) return `${failed}, untouched`;
  const ended = failed ?? 'done in spite of it';
  try {
    const isOtherwise = stage.scenario.otherwise?.test(said) === true;
    const reached = isOtherwise ? stage.reached() : stage.inspected(() => recover(stage));
    if (failed === undefined && reached !== 'new') throw new Fault(`exit status 0, but ${reached}`);
    if (isOtherwise && reached !== 'old') return `${ended}, in another way`;
    if (isOtherwise) recover(stage);
    return failed === undefined ? ended : `${ended}, ${reached}`;
  } catch (error) {
    throw new Fault(`${(error as Error).message}; the command had said: ${said}`);
  }
}

function recover(stage: Stage): Reached {
  const reached = stage.reached();
  stage.collect(reached, stage.scenario.leaves);
  stage.repeat(stage.scenario.leaves);
  return reached;
}

/**
 * Returns which library has ended the process because one of its own calls failed: LMDB does so while it opens a database, and
 * if what it says about a failed write is longer than its buffer (lmdb 3.5: 100 bytes); libuv when it cannot wake a thread, or
 * read what woke it. The state must be right as after kill -9.
 */
function crashed(signal: string, failed: string[], { store }: Place): string | undefined {
  const isOfLmdb = failed.some((call) => call.includes(`${store}/metadata/store.mdb`));
  if (isOfLmdb && ['SIGSEGV', 'SIGABRT'].includes(signal)) return 'ended by LMDB';
  return signal === 'SIGABRT' && failed.some(isWaking) ? 'ended by libuv' : undefined;
}

/** True if libuv wakes a thread by the call, or passes a signal on. Such a call cannot fail on a real machine. */
const isWaking = (call: string) => /(read|write)\(\d+<(anon_inode:\[eventfd\]|pipe:\[\d+\])>/.test(call);

/**
 * True if the fault has ended the process before the program ran: in the dynamic loader, in OpenSSL's start, or in node's search
 * for the main module and the one that it loads first, whose stack has no frame of another file.
 */
function isBeforeProgram({ argv }: Command, status: number | null, stderr: string): boolean {
  const [line, ...more] = stderr.split('\n');
  if (status === 127 && line!.startsWith(`${argv[0]}: error while loading shared libraries: `))
    return more.join('') === '';
  if (line === `${argv[0]}: OpenSSL configuration error:`) return true;
  const frames = stderr.match(/^ {4}at .*$/gm) ?? [];
  return (
    frames.some((frame) => /run_main|node:internal\/modules\//.test(frame)) &&
    frames.every((frame) => /\(?node:[^)]*\)?(?: \{)?$/.test(frame) || frame.includes(`(${mainFile}:`))
  );
}

/** What LMDB's own code prints, without a newline, about writes that fail. */
const lmdbPrints = /^Write error: .*?(?=layerhook: )/gm;

/** Requires one line of each process that says what is wrong, after any warnings. A program with input writes a log. */
function requireClear(output: string, { input, tracesChild }: Command): void {
  const stderr = output.replace(lmdbPrints, '');
  if (/internal error|see the cause|\bat .*\.c?js:\d|this is a bug/.test(stderr)) throw new Fault(stderr);
  const lines = tracesChild
    ? /^(?:layerhook: [^\n]+\n)+$/
    : /^(?:\w+: warning: [^\n]*\n)*layerhook: [^\n]+\n$/;
  if (!(input === undefined ? lines : /level=error/).test(stderr))
    throw new Fault(`not one clear line: ${stderr}`);
}

/** What a message says of an error that it does not show by its name. */
const words: Record<string, string> = {
  ENOSPC: 'no space left',
  EDQUOT: 'no space left',
  ENOMEM: 'memory',
  EROFS: 'read-only',
};

/**
 * Where the error's name cannot be known: LMDB loses the error of a stat, the client of a server whose socket fails gets an answer
 * without words, and a file that a server has lost is as one that was removed meanwhile.
 */
const nameless = /MDB_NOTFOUND: .*Attempting to setup locks|RST_STREAM with code|changed while it was read/;

/** Requires that an error says why the call failed: the path alone does not tell what to mend. */
function requireNamed(said: string, error: string): void {
  if (said.includes(error) || said.toLowerCase().includes(words[error] ?? error)) return;
  if (nameless.test(said)) return;
  throw new Fault(`${error} is not named: ${said}`);
}
