/** The short form of `npm run chaos`: faults at a few moments of each kind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { requires } from '../helpers/requires.js';
import { sample } from './points.js';

test.serial('faults at a few moments lose nothing and leave nothing', async (t) => {
  if (!requires(t, 'root', 'strace', 'python3', 'mkfs.ext4', 'mkfs.xfs')) return;
  t.timeout(900_000);
  const program = resolve('dist/test/chaos/run.js');
  const child = spawn(process.execPath, [program, 'short'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [figures, errors, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  t.is(status, 0, figures + errors);
  t.regex(figures, /^\d\d faults tried, 0 wrong$/m);
  t.regex(figures, / snapshots kept, 0 lost, 0 left behind, /);
  t.log(figures);
});

test('a sample is spread over all, and differs by its seed', (t) => {
  const all = Array.from({ length: 100 }, (_, at) => at);
  const whole = { limit: 1000, every: 1, seed: 1 };
  const [one, two] = [sample(all, { ...whole, limit: 5 }), sample(all, { ...whole, limit: 5, seed: 2 })];
  t.deepEqual(
    one.map((at) => Math.floor(at / 20)),
    [0, 1, 2, 3, 4],
  );
  t.notDeepEqual(one, two);
  t.deepEqual(sample(all, whole), all);
  t.deepEqual(
    sample(all, { ...whole, every: 25 }).map((at) => at % 25),
    [15, 15, 15, 15],
  );
});
