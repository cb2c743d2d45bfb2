import { readFileSync } from 'node:fs';
import test from 'ava';
import { committedFiles } from '../helpers/repository.js';
import { forbiddenCalls } from './calls.js';

const sources = committedFiles().filter((path) => /^(src|drivers|hooks)\/.*\.ts$/.test(path));

test('only src/cli and the executables of hooks print or exit', (t) => {
  t.true(sources.length > 5);
  t.deepEqual(
    sources.flatMap((path) => forbiddenCalls(path, readFileSync(path, 'utf8'))),
    [],
  );
});

const bad: [path: string, source: string][] = [
  ['src/layer/apply.ts', "console.error('x');"],
  ['src/layer/apply.ts', "process.stdout.write('x');"],
  ['src/engine/unpack.ts', 'process.exit(1);'],
  ['src/engine/unpack.ts', 'process.exitCode = 1;'],
  ['drivers/copy/index.ts', 'console.log(1);'],
  ['drivers/copy/index.ts', 'mkdirSync(join(a, b), { recursive: true });'],
  ['src/engine/unpack.ts', 'rmSync(a, { force: true });'],
  ['src/store/open.ts', 'if (existsSync(a)) return;'],
  ['src/engine/unpack.ts', 'await mkdir(a, { mode: 0o700, recursive: true });'],
];

for (const [path, source] of bad) {
  test(`the checker reports in ${path}: ${source}`, (t) => {
    t.is(forbiddenCalls(path, source).length, 1);
  });
}

const good: [path: string, source: string][] = [
  ['src/engine/unpack.ts', "/* console.log('x') */ const url = 'https://example.org/console.html';"],
  ['src/ctk/launcher.ts', 'if (existsSync(a)) return;'],
  ['src/cli/main.ts', 'process.exitCode = 1; console.log(2);'],
];

for (const [path, source] of good) {
  test(`the checker accepts in ${path}: ${source}`, (t) => {
    t.deepEqual(forbiddenCalls(path, source), []);
  });
}
