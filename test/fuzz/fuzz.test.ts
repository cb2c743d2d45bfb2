/** A short run of each fuzz target with a fixed seed, and inputs that were found before. */
import test from 'ava';
import { seedOf } from '../helpers/properties.js';
import { requires } from '../helpers/requires.js';
import { fuzz } from './fuzz.js';
import { targets } from './targets.js';

for (const name of Object.keys(targets)) {
  test.serial(`fuzz: ${name}`, async (t) => {
    const target = targets[name]!();
    const needs = target.needs ?? [];
    await target.close?.();
    if (!requires(t, ...needs)) return;
    const { cases, accepted } = await fuzz(name, seedOf(process.env.FC_SEED));
    t.true(cases >= (target.few ?? 300));
    t.true(accepted > 0, 'no input was accepted: the target tests refusals only');
  });
}
