/** Kills a command at its system calls. */
import { Fault, runIn, shown } from './place.js';
import { alike, changing, type Point, pointsOf, sample, tracerFor } from './points.js';
import { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { Stage } from './trial.js';

export interface Extent {
  dir: string;
  /** at most so many faults for each scenario */
  limit: number;
  /** only each Nth fault */
  every: number;
  seed: number;
  /** at most so many faults of each situation */
  alike: number;
  /** situations that other scenarios had, and that need not be tried again */
  known: readonly string[];
  /** only the fault of this name, as a report of what is wrong has it */
  at?: string | undefined;
}

/** Kills the command of a scenario before each call that changes something. */
export function crash(scenario: Scenario, extent: Extent): Report {
  const report = new Report(`kill -9: ${scenario.name}`, extent.at);
  using stage = new Stage(scenario, extent.dir);
  stage.begin();
  const points = pointsOf(stage.place, stage.command, changing);
  stage.disk.unmount();
  const chosen = alike(points, ({ situations }) => situations, extent.alike);
  for (const point of sample(chosen, extent))
    report.try(`${point.call} ${point.nth}`, () => kill(stage, point));
  return report;
}

function kill(stage: Stage, point: Point): string {
  stage.begin();
  try {
    const { status, signal, stderr } = runIn(stage.place, stage.command, {
      tracer: tracerFor(stage.place, point, 'kill'),
    });
    // strace ends as the command does
    if (status === 0) return 'not met';
    if (signal !== 'SIGKILL') throw new Fault(`${shown(stage.command)}: ${stderr}`);
    return stage.inspected(() => {
      const reached = stage.reached();
      stage.collect(reached, stage.scenario.leaves);
      stage.repeat();
      return reached;
    });
  } finally {
    stage.disk.unmount();
  }
}
