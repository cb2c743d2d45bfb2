import test from 'ava';
import { requires } from '../../helpers/requires.js';
import { trySkeleton } from './try-skeleton.js';

test('hooks new --driver --lang mjs writes a driver that passes the suite', async (t) => {
  if (!requires(t, 'root')) return;
  await trySkeleton(t, 'driver', 'mjs', 20);
});
