import { readFileSync } from 'node:fs';
import test from 'ava';
import { committedFiles } from '../helpers/repository.js';
import { imports, violations } from './imports.js';

const sources = committedFiles().filter((path) => /^(src|drivers|hooks)\/.*\.ts$/.test(path));

test('every source file keeps the import rules', (t) => {
  t.true(sources.length > 5);
  t.deepEqual(
    sources.flatMap((path) => violations(path, readFileSync(path, 'utf8'))),
    [],
  );
});

test('only one helper imports fast-check, so that every property has its seed', (t) => {
  const tests = committedFiles().filter((path) => /^test\/.*\.ts$/.test(path));
  const importing = tests.filter((path) => imports(readFileSync(path, 'utf8')).includes('fast-check'));
  t.deepEqual(importing, ['test/helpers/properties.ts']);
});

const bad: [path: string, source: string][] = [
  ['src/engine/unpack.ts', "import { copy } from '../../drivers/copy/index.js';"],
  ['src/engine/unpack.ts', "const driver = await import('../../drivers/copy/index.js');"],
  ['src/index.ts', "export * from '../hooks/runtime.js';"],
  ['src/config/load.ts', "import { unpack } from 'layerhook';"],
  ['src/config/load.ts', "import { tmpdir } from '../helpers/tmp.js';"],
  ['drivers/copy/index.ts', "import { open } from '../../src/image/layout.js';"],
  ['drivers/copy/index.ts', "import { overlay } from '../../src/index.js';"],
  ['drivers/copy/index.ts', "import toml from '@iarna/toml';"],
  ['hooks/runtime.ts', "import { libc } from '../src/system/libc.js';"],
  ['src/mtree/src/walk.ts', "import { fromText } from '../../system/bytes.js';"],
  ['src/mtree/src/walk.ts', "import { LayerhookError } from 'layerhook';"],
  ['src/layer/xattr.ts', "import koffi from 'koffi';"],
  ['src/layer/xattr.ts', "const koffi = require('koffi');"],
  ['src/layer/apply.ts', "console.error('x');"],
  ['src/layer/apply.ts', "process.stdout.write('x');"],
  ['src/engine/unpack.ts', 'process.exit(1);'],
  ['src/engine/unpack.ts', 'process.exitCode = 1;'],
  ['drivers/copy/index.ts', 'console.log(1);'],
  ['drivers/copy/index.ts', 'mkdirSync(join(a, b), { recursive: true });'],
  ['src/engine/unpack.ts', 'await mkdir(a, { mode: 0o700, recursive: true });'],
];

for (const [path, source] of bad) {
  test(`the checker catches in ${path}: ${source}`, (t) => {
    t.is(violations(path, source).length, 1);
  });
}

const good: [path: string, source: string][] = [
  ['src/engine/unpack.ts', "import { copy } from '../layer/apply.js';\n// see '../../drivers/copy'"],
  ['src/engine/unpack.ts', "/* console.log('x') */ const url = 'https://example.org/console.html';"],
  ['src/system/libc.ts', "const { default: koffi } = await import('koffi');"],
  ['src/cli/main.ts', 'process.exitCode = 1; console.log(2);'],
  ['drivers/copy/index.ts', "import { stat } from './stat.js'; import { lstatSync } from 'node:fs';"],
  ['drivers/copy/index.ts', "import type { Driver } from 'layerhook';"],
  ['src/mtree/src/walk.ts', "import { vis } from './vis.js';"],
];

for (const [path, source] of good) {
  test(`the checker allows in ${path}: ${source.replace(/\n/g, ' ')}`, (t) => {
    t.deepEqual(violations(path, source), []);
  });
}
