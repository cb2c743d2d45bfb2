/** Lets the power fail during and right after a command. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Extent } from './crash.js';
import type { FileSystem, Loss } from './disk.js';
import { Fault, lh, runIn, succeedIn } from './place.js';
import { changing, type Point, pointsOf, sample, tracerFor } from './points.js';
import { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { Stage } from './trial.js';

/** Lets the power fail after the command, and after it was killed at calls that change something. */
export function powerLoss(type: FileSystem): (scenario: Scenario, extent: Extent) => Report {
  return (scenario, extent) => {
    const report = new Report(`power loss, ${type}: ${scenario.name}`, extent.at);
    using stage = new Stage(scenario, extent.dir, type);
    stage.begin();
    const points = pointsOf(stage.place, stage.command, changing);
    stage.disk.unmount();
    // the end of the command comes first: nothing after it flushes anything
    const limit = Math.max(0, Math.ceil(extent.limit / 2) - 1);
    const moments: (Point | null)[] = [null, ...sample(points, { ...extent, limit })];
    for (const moment of moments)
      for (const loss of ['log', 'nothing'] as const) {
        const when = moment === null ? 'at the end' : `${moment.call} ${moment.nth}`;
        report.try(`${when}, ${loss} on disk`, () => lose(stage, moment, loss));
      }
    return report;
  };
}

function lose(stage: Stage, moment: Point | null, loss: Loss): string {
  stage.begin();
  const { place, disk } = stage;
  try {
    const tracer = moment === null ? [] : tracerFor(place, moment, 'kill');
    runIn(place, stage.command, { tracer });
    disk.losePower(loss);
    if (isRefused(stage)) {
      succeedIn(place, lh('bundle', 'rm', place.bundle));
      stage.again();
      return 'refused';
    }
    stage.scenario.begin?.(place);
    const reached = stage.reached();
    stage.again();
    return reached;
  } finally {
    disk.unmount();
  }
}

/** True if a bundle is refused that the command made, which may have lost content, or removed. What was flushed is never refused. */
function isRefused({ place, wasThere, scenario }: Stage): boolean {
  if (!existsSync(place.bundle)) return false;
  const probe = `${place.layout}:probe`;
  const index = join(place.layout, 'index.json');
  const before = readFileSync(index);
  for (const command of [lh('bundle', 'mount', place.bundle), lh('repack', '--image', probe, place.bundle)]) {
    const { status, stderr } = runIn(place, command);
    if (status === 0) continue;
    if (wasThere('rootfs') && !scenario.removes) throw new Fault(`what was flushed is refused: ${stderr}`);
    if (!/^(?:layerhook: warning: [^\n]*\n)*layerhook: [^\n]*bundle[^\n]*\n$/.test(stderr))
      throw new Fault(stderr);
    return true;
  }
  writeFileSync(index, before);
  return false;
}
