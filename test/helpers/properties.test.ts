import test from 'ava';
import fc, { seedOf } from './properties.js';

test('the seed is fixed, unless FC_SEED says which or random', (t) => {
  t.deepEqual(seedOf(undefined), seedOf(''));
  t.is(typeof seedOf(undefined).seed, 'number');
  t.deepEqual(seedOf('-7'), { seed: -7 });
  t.deepEqual(seedOf('random'), {});
  t.throws(() => seedOf('x'), { message: /FC_SEED=x is neither/ });
});

test('a property that fails says its seed and the example', (t) => {
  const property = fc.property(fc.nat(), (n) => n < 3);
  t.throws(() => fc.assert(property, { seed: 9 }), { message: /seed: 9,[\s\S]*Counterexample: \[3\]/ });
});
