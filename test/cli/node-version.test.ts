import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mainFile } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';

const programs = [mainFile, 'dist/bundle/runtime.cjs', 'dist/bundle/archive-overlay.cjs'];

/** Runs a file in a node that says it is of another version. */
function runAs(t: ExecutionContext<unknown>, version: string, ...args: string[]) {
  const fake = join(tmpdir(t), 'version.cjs');
  const versions = `{ ...process.versions, node: '${version}' }`;
  writeFileSync(fake, `Object.defineProperty(process, 'versions', { value: ${versions} });`);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', fake, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { status, stdout, stderr };
}

test('a node that is too old is refused in one line, by each program and by the build, with how to get another', (t) => {
  for (const file of [...programs, 'scripts/check-node.cjs'])
    for (const version of ['18.20.8', '20.18.3'])
      t.deepEqual(runAs(t, version, file, '--version'), {
        status: 10,
        stdout: '',
        stderr: `layerhook: needs Node.js 20.19, this is ${version}; install a newer one, for example with: npm install --global node@22\n`,
      });
});

test('the needed node and later ones are accepted', (t) => {
  for (const version of ['20.19.0', '22.0.0', '24.1.0'])
    for (const file of [mainFile, 'dist/bundle/archive-overlay.cjs'])
      t.is(runAs(t, version, file, '--version').status, 0);
});

test('the demo and the tests begin with the check, which names the version of package.json', (t) => {
  const { engines, scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  t.is(engines.node, '>=20.19');
  t.regex(scripts.build, /^node scripts\/check-node\.cjs && /);
  t.regex(scripts.test, /^npm run build --silent && /);
  t.regex(scripts.demo, /^node scripts\/check-node\.cjs && /);
});
