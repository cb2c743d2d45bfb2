/** docs/drivers.md: every command of the tutorial, and every piece of code. */
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { driverSuite } from '../../src/testing/index.js';
import { mainFile } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const document = readFileSync('docs/drivers.md', 'utf8');
const blocks = [...document.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({
  kind: kind!,
  text: text!,
}));
const skeleton = (file: string) => readFileSync(`docs/skeletons/${file}`, 'utf8');

test('code of docs/drivers.md is the code of the skeletons', (t) => {
  const python = blocks.filter(({ kind }) => kind === 'py');
  t.true(python.length > 3);
  for (const { text } of python) t.true(skeleton('driver.py').includes(text), text);
  const [module] = blocks.filter(({ kind }) => kind === 'js');
  t.is(module!.text, skeleton('driver.mjs').replaceAll('NAME', 'reflink'));
  const harness = blocks.filter(({ kind }) => kind === 'js')[1]!.text;
  const suite = 'for (const { name, run } of driverSuite) test(name, () => run(harness));';
  for (const text of [harness, skeleton('driver.test.mjs')]) t.true(text.includes(suite));
});

/** The last command runs the whole conformance suite with the driver in Python. */
test('every command of the tutorial prints what docs/drivers.md says', async (t) => {
  if (!requires(t, 'root', 'python3')) return;
  t.timeout(900_000);
  const dir = tmpdir(t);
  const command = join(tmpdir(t), 'layerhook');
  writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${mainFile} "$@"\n`);
  chmodSync(command, 0o755);
  t.true(skeleton('driver.py').trimEnd().split('\n').length <= 30);
  const steps = tutorial();
  // one shell for all commands; a line that no command prints parts the outputs
  const script = steps.map(({ commands }) => `${commands}echo '---step---'\n`).join('');
  const output = await shell(script, dir, join(command, '..'));
  const outputs = output.split('---step---\n');
  t.is(outputs.length, steps.length + 1, output);
  for (const [at, { commands, expected }] of steps.entries())
    for (const line of expected) t.true(outputs[at]!.includes(line), `${commands}\n${outputs[at]}\n${line}`);
  t.true(outputs.join('').includes(`# pass ${driverSuite.length}\n`));
});

test('the hooks.toml of the last step is valid for an installed driver', async (t) => {
  const dir = tmpdir(t);
  const program = join(dir, 'trees.py');
  writeFileSync(program, skeleton('driver.py'), { mode: 0o755 });
  const [toml] = blocks.filter(({ kind }) => kind === 'toml');
  const file = join(dir, 'hooks.toml');
  writeFileSync(file, toml!.text.replace('/usr/local/libexec/layerhook/trees.py', program));
  const { stdout } = await promisify(execFile)(process.execPath, [mainFile, 'hooks', 'check', file]);
  t.regex(stdout, /is valid: 0 hooks, driver trees/);
});

interface Step {
  commands: string;
  /** parts of lines that the commands print */
  expected: string[];
}

/** Returns the commands of the document, each block with the lines of the output that follows it. */
function tutorial(): Step[] {
  const steps: Step[] = [];
  for (const { kind, text } of blocks) {
    if (kind === 'sh') steps.push({ commands: text, expected: [] });
    if (kind === 'text')
      steps.at(-1)!.expected.push(
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => line.trim()),
      );
  }
  return steps;
}

async function shell(script: string, cwd: string, bin: string): Promise<string> {
  const { NODE_TEST_CONTEXT: _, PATH, ...rest } = process.env;
  // the suite makes its bundles in the directory of temporary files
  const own = { PATH: `${bin}:${PATH}`, TMPDIR: bin, XDG_CONFIG_HOME: '/nonexistent', NO_COLOR: '1' };
  const env = { ...rest, ...own };
  const options = { cwd, env, maxBuffer: 2 ** 26, timeout: 900_000 };
  try {
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], options);
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`the tutorial failed:\n${stdout.slice(-3000)}\n${stderr}`);
  }
}
