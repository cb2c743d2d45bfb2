/** Tries the faults of one kind on one scenario, or runs one load: it receives {@link Faults} or a load, prints figures, and sends {@link Tried}. */

import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeDirectory } from '../helpers/tmp.js';
import type { Extent } from './crash.js';
import { kinds } from './kinds.js';
import { type Load, load } from './load.js';
import { scenarios } from './scenarios.js';

export interface Faults extends Omit<Extent, 'dir'> {
  kind: string;
  scenario: string;
}

/** Numbers of faults. */
export interface Tried {
  tried: number;
  wrong: number;
  /** see {@link Report.situations} */
  situations: string[];
}

const [task] = (await once(process, 'message')) as [Faults | Omit<Load, 'dir'>];
const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'layerhook-chaos-'));
try {
  process.send!('kind' in task ? faults(task) : await underLoad(task));
} finally {
  removeDirectory(dir);
}
process.disconnect();

function faults({ kind, scenario: name, ...extent }: Faults): Tried {
  const scenario = scenarios.find((each) => each.name === name)!;
  const report = kinds[kind]!(scenario, { ...extent, dir: join(dir, kind) });
  console.log(report.figures);
  return { tried: report.tried, wrong: report.wrong.length, situations: report.situations };
}

async function underLoad(task: Omit<Load, 'dir'>): Promise<Tried> {
  console.log(await load({ dir: join(dir, 'load'), ...task }));
  return { tried: 0, wrong: 0, situations: [] };
}
