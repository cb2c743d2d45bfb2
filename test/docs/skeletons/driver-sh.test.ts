import test from 'ava';
import { requires } from '../../helpers/requires.js';
import { trySkeleton } from './try-skeleton.js';

test('hooks new --driver --lang sh writes a driver that passes the suite', async (t) => {
  if (!requires(t, 'root', 'jq')) return;
  await trySkeleton(t, 'driver', 'sh', 40);
});
