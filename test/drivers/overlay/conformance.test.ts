import { join } from 'node:path';
import { driverSuite } from '../../../src/testing/index.js';
import { scratchDirectories, testSuite } from '../../helpers/conformance.js';

const scratch = scratchDirectories();
const driverOptions = { store: join(scratch(), 'store') };

testSuite(driverSuite, { driver: 'overlay', driverOptions, scratch });
