import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { serve } from './served.js';

test('disposing of a snapshotter client closes it', async (t) => {
  const { containerd } = await serve(t, () => ({ skip: false }));
  await t.throwsAsync(containerd.stat('none'), { code: 'SNAPSHOT_NOT_FOUND' });
  await containerd[Symbol.asyncDispose]();
  const error = await t.throwsAsync(containerd.stat('none'));
  t.false(isLayerhookError(error, 'SNAPSHOT_NOT_FOUND'), String(error));
});
