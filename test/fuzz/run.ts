/**
 * Tries mutated inputs on all readers of untrusted bytes: `npm run fuzz -- [--seconds N] [--seed N] [TARGET...]`. Prints figures
 * for each target. Exit status 1 with the input, in base64, if one makes a reader hang, fail without a typed error, take
 * memory without a bound or disagree with its peers.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';
import { targets } from './targets.js';

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, seed: { type: 'string' } },
  allowPositionals: true,
});
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
console.log(`seed ${seed}, ${values.seconds} s for each target`);
for (const name of positionals.length > 0 ? positionals : Object.keys(targets)) {
  const make = targets[name];
  if (make === undefined)
    throw new Error(`unknown target ${name}: expected ${Object.keys(targets).join(', ')}`);
  const { needs = [], close } = make();
  await close?.();
  const missing = needs.filter((need) => spawnSync('sh', ['-c', 'command -v "$0"', need]).status !== 0);
  if (missing.length > 0) console.log(`${name.padEnd(16)} skipped: needs ${missing.join(', ')}`);
  else await report(name);
}

async function report(name: string): Promise<void> {
  try {
    const { cases, accepted, slowest, memory } = await fuzz(name, { seconds: Number(values.seconds), seed });
    const share = Math.round((100 * accepted) / Math.max(cases, 1));
    const figures = [
      `${cases} cases`,
      `${share} % accepted`,
      `slowest ${Math.round(slowest)} ms`,
      `memory +${memory >> 20} MiB`,
    ];
    console.log(`${name.padEnd(16)} ${figures.join(', ')}`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
