/**
 * Tries faults: `npm run chaos [-- KIND [SCENARIO...]] [--limit N] [--seed N] [--seconds N]`. Needs root, strace and loop devices;
 * docs/store.md says what each kind does. `--limit` is the number of faults for each scenario; without it, all are tried.
 * The kind `short` is what the tests run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeDirectory } from '../helpers/tmp.js';
import { crash, type Extent } from './crash.js';
import { fail } from './errors.js';
import { load } from './load.js';
import { powerLoss } from './power.js';
import type { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { scenarios } from './scenarios.js';

type Kind = (scenario: Scenario, extent: Extent) => Report;

const powerLosses: Readonly<Record<string, Kind>> = { ext4: powerLoss('ext4'), xfs: powerLoss('xfs') };

const kinds: Readonly<Record<string, Kind>> = {
  crash,
  errors: fail,
  ...powerLosses,
};

/** The short form: kind, names of scenarios, faults for each. */
const short: readonly [kind: string, names: string[], limit: number][] = [
  ['crash', ['unpack overlay', 'repack overlay refresh', 'commit', 'config'], 2],
  ['crash', ['hooks install', 'hooks new', 'ctk install', 'store export'], 6],
  ['errors', ['unpack copy', 'repack copy refresh', 'tag'], 3],
  ['ext4', ['repack overlay refresh'], 2],
  ['ext4', ['bundle rm overlay'], 4],
  ['xfs', ['unpack copy'], 2],
];
const shortLoad = { seconds: 10, processes: 8, clients: 40 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    limit: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '900' },
  },
});
/** An environment variable: set in a process that has mounts of its own. */
const ownMounts = 'LAYERHOOK_CHAOS_MOUNTS';
const [kind, ...names] = positionals;
const [limit, seed, seconds] = [values.limit, values.seed, values.seconds].map(Number) as [
  number,
  number,
  number,
];

if (process.env[ownMounts] === '1') process.exitCode = await tryAll();
else {
  // mounts that a killed command leaves go away with the namespace
  const args = ['-m', '--propagation', 'private', process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [ownMounts]: '1' };
  process.exitCode = spawnSync('unshare', args, { env, stdio: 'inherit' }).status ?? 1;
}

/** Tries all that the arguments choose. @returns the exit status */
async function tryAll(): Promise<number> {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const dir = mkdtempSync(join(base, 'layerhook-chaos-'));
  try {
    const wanted = kind === 'short' ? short : whole();
    const reports = wanted.flatMap(([name, parts, most]) => tryKind(name, parts, { dir, limit: most, seed }));
    const faults = reports.reduce((sum, { tried }) => sum + tried, 0);
    const wrong = reports.reduce((sum, report) => sum + report.wrong.length, 0);
    if (reports.length > 0) console.log(`${faults} faults tried, ${wrong} wrong`);
    if (kind === 'short') console.log(await load({ dir: join(dir, 'load'), ...shortLoad }));
    else if (kind === undefined || kind === 'load')
      console.log(await load({ dir: join(dir, 'load'), seconds, processes: 64, clients: 200 }));
    return wrong > 0 ? 1 : 0;
  } finally {
    removeDirectory(dir);
  }
}

function whole(): typeof short {
  const chosen = Object.keys(kinds).filter((name) => kind === undefined || kind === name);
  return chosen.map((name) => [name, names, limit]);
}

/** The short form names whole names, a user may name parts of them. */
function isMeant(name: string, part: string): boolean {
  return kind === 'short' ? name === part : name.includes(part);
}

/** @param parts names of scenarios, or parts of names; none: all scenarios */
function tryKind(name: string, parts: string[], extent: Extent): Report[] {
  const chosen = scenarios.filter(
    (each) =>
      (parts.length === 0 || parts.some((part) => isMeant(each.name, part))) &&
      // each kind of power loss has its own file system
      (!(each.fileSystem && name in powerLosses) || each.fileSystem === name),
  );
  return chosen.map((scenario, at) => {
    const report = kinds[name]!(scenario, { ...extent, dir: join(extent.dir, `${name}${at}`) });
    console.log(report.figures);
    for (const wrong of report.wrong) console.log(`  WRONG ${wrong}`);
    return report;
  });
}
