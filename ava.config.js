/** The files that take longest, first: as the last ones, they would leave a core idle. */
const longest = [
  'docs/example-drivers',
  'e2e/debian',
  'chaos/chaos',
  'docs/drivers',
  'docs/skeletons/driver-sh',
  'e2e/memory',
  'hostile/limits-everywhere',
  'e2e/rootless',
  'ctk/killed',
];

function rank(file) {
  const at = longest.findIndex((name) => file.endsWith(`/test/${name}.test.js`));
  return at < 0 ? longest.length : at;
}

export default {
  files: ['dist/test/**/*.test.js'],
  workerThreads: false,
  // one more than the cores of CI: a test often waits for a program
  concurrency: 3,
  timeout: '5m',
  sortTestFiles: (a, b) => rank(a) - rank(b) || a.localeCompare(b),
};
