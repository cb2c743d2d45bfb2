import test from 'ava';
import { requires } from '../../helpers/requires.js';
import { trySkeleton } from './try-skeleton.js';

test('hooks new --driver --lang mjs writes a driver that passes a sample of the suite', async (t) => {
  if (!requires(t, 'root')) return;
  await trySkeleton(
    t,
    'driver',
    'mjs',
    20,
    /whiteout hides a file|two bundles|later layer$|repack: (added|deleted|only metadata)|refresh with later/,
  );
});
