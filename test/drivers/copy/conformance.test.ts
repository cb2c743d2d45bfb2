import { driverSuite } from '../../../src/testing/index.js';
import { scratchDirectories, testSuite } from '../../helpers/conformance.js';

testSuite(driverSuite, { driver: 'copy', scratch: scratchDirectories() });
