export * from '../../src/testing/tar.js';
