/** The system calls of a command at which a fault is tried, found by tracing the command once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindOf } from './look.js';
import { type Command, Fault, type Place, runIn, shown } from './place.js';

/** A call, by its name and its number among the calls of this name in its thread. */
export interface Point {
  call: string;
  nth: number;
  /** what the program does there, in each of its threads that makes a call of this number: see {@link situationOf} */
  situations: string[];
}

/** Calls that change something on disk, or what others can see of it. */
export const changing = [
  ...['mkdir', 'mkdirat', 'mknodat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'rmdir'],
  ...['link', 'linkat', 'symlink', 'symlinkat', 'write', 'writev', 'pwrite64', 'pwritev', 'ftruncate'],
  ...[
    'fallocate',
    'copy_file_range',
    'sendfile',
    'fsync',
    'fdatasync',
    'syncfs',
    'chmod',
    'fchmod',
    'fchmodat',
  ],
  ...[
    'chown',
    'fchown',
    'fchownat',
    'lchown',
    'utimensat',
    'setxattr',
    'lsetxattr',
    'fsetxattr',
    'lremovexattr',
  ],
  ...['fremovexattr', 'flock', 'mount', 'move_mount', 'umount2', 'ioctl'],
];

/** Calls that can fail without changing anything. Threads that cannot start: test/e2e/process-limit.test.ts. */
const reading = [
  'openat',
  'openat2',
  'read',
  'pread64',
  'getdents64',
  'statx',
  'newfstatat',
  'statfs',
  'mmap',
];
export const mounting = ['fsopen', 'fsconfig', 'fsmount', 'open_tree', 'mount_setattr'];
const inheriting = ['readlinkat', 'llistxattr', 'flistxattr', 'fgetxattr', 'lgetxattr', 'fcntl'];
export const failing = [...changing, ...reading, ...mounting, ...inheriting];

/** Calls that have no path of the place in their arguments. */
const withoutPath = new Set(['fsopen', 'fsconfig', 'fsmount']);

/** Returns the calls of a command that concern its place, in the order in which they happen. */
export function pointsOf(place: Place, command: Command, calls: readonly string[]): Point[] {
  const log = join(place.root, '../trace');
  const tracer = ['strace', '-f', '-y', '-qq', '--seccomp-bpf', '-s', '4096', '-o', log];
  const { status, stderr } = runIn(place, command, {
    tracer: [...tracer, '-e', `trace=${optional(calls)}`],
  });
  if (status !== 0) throw new Fault(`${shown(command)} ended with ${status}: ${stderr}`);
  return pointsIn(readFileSync(log, 'latin1'), place.root);
}

/** Names of calls; a machine may lack some. */
const optional = (calls: readonly string[]) => calls.map((call) => `?${call}`).join();

/** Returns the calls of a log of strace that concern a directory, in the order in which they happen. */
export function pointsIn(log: string, root: string): Point[] {
  const counts = new Map<string, number>();
  const points = new Map<string, Point>();
  const threads = new Set<string>();
  for (const line of log.split('\n')) {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || call === undefined) continue;
    threads.add(thread);
    const nth = (counts.get(thread + call) ?? 0) + 1;
    counts.set(thread + call, nth);
    if (!line.includes(root) && !withoutPath.has(call)) continue;
    const point = points.get(`${call} ${nth}`) ?? { call, nth, situations: [] };
    points.set(`${call} ${nth}`, point);
    // threads start in the same order in each run
    point.situations.push(`${[...threads].indexOf(thread)} ${situationOf(line, root)}`);
  }
  return [...points.values()];
}

/** Calls whose arguments after the descriptor are data. */
const ofData = /^p?(?:read|write)v?(?:64)?\(/;

/** Returns a call with its arguments as strace shows them, without data, results, numbers, hashes and random names. */
function situationOf(line: string, root: string): string {
  const whole = line.replace(/^\d+ +/, '').replaceAll(root, '');
  const call = ofData.test(whole)
    ? whole.replace(/>, .*/, '>')
    : whole.replace(/\)? += .*| <unfinished .*/, '');
  return kindOf(call.replace(/[[{].*[\]}]/g, '').replace(/(new-|\.layerhook-|~)\w+|0x[0-9a-f]+/g, '$1#'));
}

/** True if a call can change something: opening a file that it may create is one. */
export function isChanging({ call, situations }: Point): boolean {
  return (
    changing.includes(call) || mounting.includes(call) || situations.some((each) => /O_CREAT/.test(each))
  );
}

/** True if a call changes only what is in a file, or a lock: the journal of a file system stays the same. */
export const isOfData = ({ call }: Point): boolean => /^(p?writev?(64)?|sendfile|flock)$/.test(call);

/** Calls after which what was written before is on disk. */
export const isFlush = ({ call }: Point): boolean => ['fsync', 'fdatasync', 'syncfs'].includes(call);

/**
 * Returns at most so many faults of each situation: the first, the last, and others between them at equal distances.
 *
 * @param situationsOf the situations of a fault, which is chosen if one of them needs it
 */
export function alike<T>(faults: readonly T[], situationsOf: (fault: T) => string[], most: number): T[] {
  const groups = new Map<string, T[]>();
  for (const fault of faults)
    for (const situation of situationsOf(fault)) {
      const group = groups.get(situation);
      if (group) group.push(fault);
      else groups.set(situation, [fault]);
    }
  const chosen = new Set([...groups.values()].flatMap((group) => spread(group, most)));
  return faults.filter((fault) => chosen.has(fault));
}

function spread<T>(group: readonly T[], most: number): readonly T[] {
  if (group.length <= most) return group;
  const step = (group.length - 1) / Math.max(most - 1, 1);
  return Array.from({ length: most }, (_, at) => group[Math.round(at * step)]!);
}

/** What happens at a point: the process is killed, or the call fails with an error (once, or from there on). */
export type Happening = 'kill' | { error: string; forever: boolean };

/** Returns the words before a command that make something happen at a call; {@link failedCalls} tells if a call failed. */
export function tracerFor(place: Place, { call, nth }: Point, happening: Happening): string[] {
  const what =
    happening === 'kill'
      ? `signal=KILL:when=${nth}`
      : `error=${happening.error}:when=${nth}${happening.forever ? '+' : ''}`;
  const log = join(place.root, '../trace');
  // strace 6.1 sends no signals with --seccomp-bpf
  const fast = happening === 'kill' ? [] : ['--seccomp-bpf'];
  const tracer = ['strace', '-f', '-y', '-qq', ...fast, '-o', log];
  return [...tracer, '-e', `trace=${call}`, '-e', `inject=${call}:${what}`];
}

/** Returns the calls that {@link tracerFor} let fail. */
export function failedCalls(place: Place): string[] {
  const lines = readFileSync(join(place.root, '../trace'), 'latin1').split('\n');
  return lines.filter((line) => line.includes('(INJECTED)'));
}

/**
 * Returns each Nth point, and at most `limit`, spread over all. Another seed begins with another point.
 */
export function sample<T>(
  points: readonly T[],
  { limit, every, seed }: { limit: number; every: number; seed: number },
): T[] {
  const step = Math.max(every, points.length / Math.max(limit, 1));
  if (step <= 1) return points.slice(0, limit);
  const start = ((seed * 0.618034) % 1) * step;
  const chosen: T[] = [];
  for (let at = start; at < points.length && chosen.length < limit; at += step)
    chosen.push(points[Math.floor(at)]!);
  return chosen;
}
