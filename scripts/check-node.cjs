// Ends with one line if this node is too old. `npm run build`, and so the demo and the tests, starts with this file, and build.js
// puts its text at the head of each file of dist/bundle, and a copy beside archive_overlay, which loads it first: plain enough
// for any node to parse.
(([major, minor]) => {
  if (major > 20 || (major === 20 && minor >= 19)) return;
  const advice = 'install a newer one, for example with: npm install --global node@22';
  process.stderr.write(`layerhook: needs Node.js 20.19, this is ${process.versions.node}; ${advice}\n`);
  process.exit(10);
})(process.versions.node.split('.').map(Number));
