import { join } from 'node:path';
import { mountAll, unmountAll } from '../../src/overlay/index.js';
import { openStore } from '../../src/store/index.js';
import { snapshotterSuite } from '../../src/testing/index.js';
import { scratchDirectories, testSuite } from '../helpers/conformance.js';

const scratch = scratchDirectories();
let root: string | undefined;

testSuite(snapshotterSuite, {
  open: () => {
    root ??= join(scratch(), 'store');
    return openStore({ root });
  },
  mount: mountAll,
  unmount: unmountAll,
  scratch,
});
