import { symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { run } from './cli.js';
import { TapReader } from './tap.js';
import { tmpdir } from './tmp.js';

const ava = resolve('dist/test/helpers/ava.js');

test('a test that hangs is named', async (t) => {
  const cwd = tmpdir(t);
  symlinkSync(resolve('node_modules'), join(cwd, 'node_modules'));
  writeFileSync(join(cwd, 'package.json'), '{"type": "module"}');
  writeFileSync(join(cwd, 'ava.config.js'), "export default { workerThreads: false, timeout: '3s' };");
  const passing = "import test from 'ava';\ntest('passes', (t) => t.pass());\n";
  const hanging = "test('hangs', () => new Promise(() => setInterval(() => {}, 1000)));\n";
  writeFileSync(join(cwd, 'a.test.js'), passing);
  writeFileSync(join(cwd, 'b.test.js'), passing + hanging);
  const files = ['a.test.js', 'b.test.js'];
  const { status, stdout, stderr } = await run(process.execPath, [ava, '--tap', ...files], { cwd });
  t.is(status, 1, stderr);
  const tap = new TapReader();
  for (const line of stdout.split('\n')) tap.line(line);
  t.deepEqual(tap.finish(status), { passed: 2, failed: 1, skipped: 0 });
  t.is(tap.tests.find(({ outcome }) => outcome === 'failed')?.title, 'b › hangs');
});
