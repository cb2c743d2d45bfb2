import test from 'ava';
import { ApplyThread } from '../../../src/layer/apply/apply-thread.js';
import type { ApplyRequest, Requested } from '../../../src/layer/apply/messages.js';
import { holeBudget } from '../../../src/layer/holes.js';
import { createRing } from '../../../src/layer/stream/index.js';
import { SourceThread } from '../../../src/layer/stream/source-thread.js';
import { tmpdir } from '../../helpers/tmp.js';

const digest = `sha256:${'0'.repeat(64)}`;

test('a thread that has ended fails each request', async (t) => {
  const thread = new ApplyThread(() => {});
  await thread.close();
  const request: Requested<ApplyRequest> = {
    type: 'apply',
    from: createRing(),
    digest,
    target: tmpdir(t),
    options: {
      map: { uidMappings: [], gidMappings: [], rootless: false },
      whiteouts: null,
      overlayXattr: 'trusted',
      keepDirlinks: false,
    },
    track: null,
    digests: false,
    entries: new SharedArrayBuffer(4),
    holes: holeBudget(),
  };
  await t.throwsAsync(thread.request(request), { message: 'applying layers was interrupted' });
  t.is(thread.load, 0);
});

test('a thread that has ended fails the sources that it is given', async (t) => {
  const thread = new SourceThread();
  await thread.close();
  const source = { path: '/nonexistent', digest, diffID: digest, size: 1, mediaType: 'x' };
  await t.throwsAsync(thread.open(source).done, { message: 'reading layers was interrupted' });
});
