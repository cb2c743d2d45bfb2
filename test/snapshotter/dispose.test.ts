import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { serveSnapshotter } from '../../src/store.js';
import { tmpdir } from '../helpers/tmp.js';
import { serve } from './served.js';

test('disposing of a snapshotter client closes it', async (t) => {
  const { containerd } = await serve(t, () => ({ skip: false }));
  await t.throwsAsync(containerd.stat('none'), { code: 'SNAPSHOT_NOT_FOUND' });
  await containerd[Symbol.asyncDispose]();
  const error = await t.throwsAsync(containerd.stat('none'));
  t.false(isLayerhookError(error, 'SNAPSHOT_NOT_FOUND'), String(error));
});

test('disposing of a service closes it', async (t) => {
  const dir = tmpdir(t);
  const address = join(dir, 'socket');
  const service = await serveSnapshotter({ root: join(dir, 'store'), address });
  t.true(existsSync(address));
  await service[Symbol.asyncDispose]();
  t.false(existsSync(address));
});
