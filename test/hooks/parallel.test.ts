import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { hookKinds } from '../../src/inject/types.js';
import { run } from '../helpers/cli.js';
import { launcher, setUp } from './wrapper.js';

const starts = 200;

test('200 parallel starts, four of each bundle: each config.json is whole and has its hooks once', async (t) => {
  const hook = { path: '/bin/true', args: ['x'.repeat(2000)] };
  const { dir, bundle, flags } = setUp(t, Object.fromEntries(hookKinds.map((kind) => [kind, [hook]])));
  const bundles = Array.from({ length: starts / 4 }, (_, index) => join(dir, `bundle-${index}`));
  for (const copy of bundles) cpSync(bundle, copy, { recursive: true });
  const queue = bundles.flatMap((copy) => [copy, copy, copy, copy]);
  const worker = async () => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const { status, stderr } = await run(launcher, [...flags('true'), 'create', '--bundle', next, 'id']);
      t.deepEqual([status, stderr], [0, '']);
    }
  };
  await Promise.all(Array.from({ length: 4 * availableParallelism() }, worker));
  for (const copy of bundles) {
    const { hooks } = JSON.parse(readFileSync(join(copy, 'config.json'), 'utf8')) as { hooks: unknown };
    t.deepEqual(hooks, Object.fromEntries(hookKinds.map((kind) => [kind, [hook]])));
    t.deepEqual(readdirSync(copy), ['config.json']);
  }
});
