import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { median } from './pairs.js';

/** A program to measure: `prepare` and `clear` are not measured. */
export interface Contestant {
  /** the tool, with the driver and the node that runs it */
  name: string;
  prepare?: () => unknown;
  command: readonly string[];
  clear?: () => unknown;
  /** process that does the work for the command: its CPU time counts, and its memory */
  daemon?: number;
  /** True for a peer that refuses some images: it is left out then, with a line that says why. */
  mayRefuse?: true;
}

/** Measurements of one contestant, by round. */
export interface Result {
  name: string;
  /** seconds */
  wall: number[];
  /** seconds of all cores, user and system, with all child processes */
  cpu: number[];
  /** bytes of the largest process */
  memory: number[];
}

export interface TaskResult {
  image: string;
  task: string;
  results: Result[];
}

/** Figures of several contestants that ran in turn (A B C A B C), so that what else the machine does falls on all alike. */
export function measure(
  contestants: readonly Contestant[],
  rounds: number,
  env: NodeJS.ProcessEnv,
): Result[] {
  // one round before the first is not counted
  const able = contestants.filter((contestant) => tryOnce(contestant, env));
  const results = able.map(({ name }): Result => ({ name, wall: [], cpu: [], memory: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [at, contestant] of able.entries()) {
      const { wall, cpu, memory } = prepareAndRun(contestant, env);
      results[at]!.wall.push(wall);
      results[at]!.cpu.push(cpu);
      results[at]!.memory.push(memory);
    }
  }
  return results;
}

/** Returns false for a peer that refuses the image. */
function tryOnce(contestant: Contestant, env: NodeJS.ProcessEnv): boolean {
  try {
    prepareAndRun(contestant, env);
    return true;
  } catch (error) {
    if (!contestant.mayRefuse) throw error;
    console.log(`${contestant.name} is left out: ${(error as Error).message.trimEnd().split('\n').at(-1)}\n`);
    return false;
  }
}

function prepareAndRun(contestant: Contestant, env: NodeJS.ProcessEnv): ReturnType<typeof runOnce> {
  contestant.prepare?.();
  const figures = runOnce(contestant, env);
  contestant.clear?.();
  return figures;
}

/** Median of the ratios of two contestants, round by round. */
export function ratio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / theirs[round]!));
}

/** A process counts its descendants only after they have ended, so each command gets a parent of its own. */
const script = `
import json, resource, subprocess, sys, time
start = time.monotonic()
status = subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
sys.exit(status)
`;

/** Runs a command once: seconds of wall and CPU time, bytes of memory. */
export function runOnce({ command, daemon }: Pick<Contestant, 'command' | 'daemon'>, env: NodeJS.ProcessEnv) {
  const before = daemon === undefined ? 0 : cpuOf(daemon);
  const ran = spawnSync('python3', ['-c', script, ...command], { encoding: 'utf8', env });
  if (ran.status !== 0) throw new Error(`${command.join(' ')}: ${ran.signal ?? ran.status}\n${ran.stderr}`);
  const [wall, cpu, memory] = JSON.parse(ran.stdout) as [number, number, number];
  if (daemon === undefined) return { wall, cpu, memory };
  return { wall, cpu: cpu + cpuOf(daemon) - before, memory: Math.max(memory, memoryOf(daemon)) };
}

/** Seconds of user and system time; proc(5): fields 14 and 15 in ticks of 10 ms, after a name that may hold spaces. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryOf(pid: number): number {
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
