/** Lets the system calls of a command fail. */
import type { Extent } from './crash.js';
import { type Command, Fault, type Place, runIn } from './place.js';
import { failedCalls, failing, type Point, pointsOf, sample, tracerFor } from './points.js';
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

/** Calls by which node wakes its threads and opens stderr, and LMDB locks: they cannot do without these. */
const neverLasting = new Set(['read', 'write', 'mmap', 'fcntl', 'ioctl']);

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
    const failed = failedCalls(place);
    if (failed.length === 0) return 'not met';
    if (signal === 'SIGKILL' || status === 137) throw new Fault('it hangs');
    const library = signal === null ? undefined : crashed(signal, failed, place);
    if (signal !== null && library === undefined)
      throw new Fault(`it ends by ${signal}: ${failed.at(-1)} ${stderr}`);
    const isLog = command.input !== undefined;
    // the fault met a file of the program itself, which node loads
    if (isBeforeProgram(command, status, stderr)) return 'not met';
    if (/^node:internal\/.*ModuleLoader|Cannot find module '/ms.test(stderr)) return 'not met';
    if (status !== null && status !== 0) requireClear(isLog ? stdout + stderr : stderr, isLog);
    const [wanted, ended] = status === 0 ? ['new', 'done in spite of it'] : [null, library ?? 'refused'];
    try {
      const reached = stage.reached();
      if (wanted !== null && reached !== wanted) throw new Fault(`exit status 0, but ${reached}`);
      stage.collect(reached, scenario.leaves);
      stage.repeat();
      return wanted === null ? `${ended}, ${reached}` : ended;
    } catch (error) {
      throw new Fault(`${(error as Error).message}; the command had said: ${stdout}${stderr}`);
    }
  } finally {
    stage.disk.unmount();
  }
}

/**
 * Returns which library has ended the process because one of its own calls failed: LMDB does so while it opens a database,
 * libuv when it cannot wake a thread. The state must be right as after kill -9.
 */
function crashed(signal: string, failed: string[], { store }: Place): string | undefined {
  if (signal === 'SIGSEGV' && failed.some((call) => call.includes(`${store}/metadata/store.mdb`)))
    return 'ended by LMDB';
  const isWaking = failed.some((call) => /write\(\d+<(anon_inode:\[eventfd\]|pipe:\[\d+\])>/.test(call));
  return signal === 'SIGABRT' && isWaking ? 'ended by libuv' : undefined;
}

/**
 * True if the fault has ended the process before the program ran: in the dynamic loader, in OpenSSL's start, or in node's search
 * for the main module, whose stack has no frame of a file.
 */
function isBeforeProgram({ argv }: Command, status: number | null, stderr: string): boolean {
  const [line, ...more] = stderr.split('\n');
  if (status === 127 && line!.startsWith(`${argv[0]}: error while loading shared libraries: `))
    return more.join('') === '';
  if (line === `${argv[0]}: OpenSSL configuration error:`) return true;
  const frames = stderr.match(/^ {4}at .*$/gm) ?? [];
  return (
    frames.some((frame) => frame.includes('run_main')) &&
    frames.every((frame) => /\(?node:[^)]*\)?$/.test(frame))
  );
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
