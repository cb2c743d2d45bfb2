import { join } from 'node:path';
import test from 'ava';
import { mountAll, unmountAll } from '../../src/overlay/index.js';
import { connectSnapshotter, type SnapshotService, serveSnapshotter } from '../../src/snapshotter/index.js';
import { snapshotterSuite } from '../../src/testing/index.js';
import { scratchDirectories, testSuite } from '../helpers/conformance.js';

const scratch = scratchDirectories();
let address: string;
let service: SnapshotService;

test.before(async () => {
  const dir = scratch();
  address = join(dir, 'snapshotter.sock');
  service = await serveSnapshotter({ root: join(dir, 'store'), address });
});

test.after.always(() => service?.close());

testSuite(snapshotterSuite, {
  open: async () => connectSnapshotter(address),
  mount: mountAll,
  unmount: unmountAll,
  scratch,
});
