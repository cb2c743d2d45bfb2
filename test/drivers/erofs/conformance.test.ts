import { join } from 'node:path';
import { driverSuite } from '../../../src/testing/index.js';
import { scratchDirectories, testSuite } from '../../helpers/conformance.js';

const scratch = scratchDirectories();
testSuite(driverSuite, { driver: 'erofs', store: join(scratch(), 'store'), scratch });
