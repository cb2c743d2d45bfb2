/** Lets the power fail during and right after a command. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Extent } from './crash.js';
import type { FileSystem, Loss } from './disk.js';
import { Fault, lh, runIn, succeedIn } from './place.js';
import { alike, changing, isFlush, isOfData, type Point, pointsOf, sample, tracerFor } from './points.js';
import { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { type Reached, Stage } from './trial.js';

/** Lets the power fail after the command, and after it was killed at calls that change something. */
export function powerLoss(type: FileSystem): (scenario: Scenario, extent: Extent) => Report {
  return (scenario, extent) => {
    const report = new Report(`power loss, ${type}: ${scenario.name}`, extent.at);
    using stage = new Stage(scenario, extent.dir, type);
    stage.begin();
    const points = pointsOf(stage.place, stage.command, changing);
    stage.disk.unmount();
    // between two flushes, the disk without its journal stays the same
    const flushes = extent.at === undefined ? points.filter(isFlush) : points;
    const others = new Set(extent.known);
    const unlikeOthers = ({ situations }: Point) => situations.filter((each) => !others.has(each));
    const inJournal = extent.at === undefined ? points.filter((point) => !isOfData(point)) : points;
    const different = alike(inJournal, unlikeOthers, extent.alike);
    report.situations = inJournal.flatMap(({ situations }) => situations);
    // the end of the command comes first: nothing after it flushes anything
    const limit = Math.max(0, Math.ceil(extent.limit / 2) - 1);
    for (const [loss, possible] of [
      ['log', different],
      ['nothing', flushes],
    ] as const)
      for (const moment of [null, ...sample(possible, { ...extent, limit })]) {
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
    return stage.inspected(() => recover(stage));
  } finally {
    disk.unmount();
  }
}

function recover(stage: Stage): Reached | 'refused' {
  const { place, scenario } = stage;
  if (isRefused(stage)) {
    succeedIn(place, lh('bundle', 'rm', place.bundle));
    stage.again();
    return 'refused';
  }
  scenario.begin?.(place);
  const reached = stage.reached();
  stage.again();
  return reached;
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
