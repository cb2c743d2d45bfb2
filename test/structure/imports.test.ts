import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { committedFiles } from '../helpers/repository.js';
import { tmpdir } from '../helpers/tmp.js';
import { importsOf } from './calls.js';
import { cruiseImports } from './import-graph.js';

/** The imports below `baseDir` that break a rule: `RULE: FROM -> TO`. */
async function violations(baseDir: string, roots: string[]): Promise<string[]> {
  const { summary } = await cruiseImports(baseDir, roots);
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

test('every source file keeps the import rules', async (t) => {
  t.deepEqual(await violations(process.cwd(), ['src', 'drivers', 'hooks']), []);
});

test('only one helper imports fast-check, so that every property has its seed', (t) => {
  const tests = committedFiles().filter((path) => /^test\/.*\.ts$/.test(path));
  const importing = tests.filter((path) => importsOf(readFileSync(path, 'utf8')).includes('fast-check'));
  t.deepEqual(importing, ['test/helpers/properties.ts']);
});

/** Files of one sample: the first breaks the rule. */
type Sample = [rule: string, files: Record<string, string>];

const bad: Sample[] = [
  ['upwards-from-layer', { 'src/layer/a.ts': "import { b } from '../engine/b.js'; b;" }],
  ['upwards-from-layer', { 'src/layer/a.ts': "import type { B } from '../engine/b.js'; export type A = B;" }],
  ['upwards-from-store', { 'src/store/a.ts': "export const b = () => import('../cli/b.js');" }],
  ['upwards-from-store', { 'src/store/a.ts': "export * from '../index.js';", 'src/index.ts': '' }],
  ['upwards-from-errors', { 'src/errors/a.ts': "export * from '../system/b.js';" }],
  ['library-imports-cli', { 'src/a.ts': "import { b } from './cli/b.js'; b;" }],
  ['src-knows-driver-or-hook', { 'src/engine/a.ts': "import { b } from '../../drivers/copy/b.js'; b;" }],
  [
    'src-knows-driver-or-hook',
    { 'src/engine/a.ts': "export const b = () => import('../../drivers/copy/b.js');" },
  ],
  ['src-knows-driver-or-hook', { 'src/index.ts': "export * from '../hooks/b.js';" }],
  ['src-knows-driver-or-hook', { 'src/config/a.ts': "import { b } from '../../test/helpers/b.js'; b;" }],
  [
    'private-import-in-driver-or-hook',
    { 'drivers/copy/a.ts': "import { b } from '../../src/image/b.js'; b;" },
  ],
  ['private-import-in-driver-or-hook', { 'drivers/copy/a.ts': "import toml from '@iarna/toml'; toml;" }],
  ['private-import-in-driver-or-hook', { 'hooks/a.ts': "import { b } from '../src/system/b.js'; b;" }],
  ['private-import-in-driver-or-hook', { 'hooks/a.ts': "import { b } from '../drivers/copy/b.js'; b;" }],
  ['mtree-imports-layerhook', { 'src/mtree/src/a.ts': "import { b } from '../../system/b.js'; b;" }],
  ['mtree-imports-layerhook', { 'src/mtree/src/a.ts': "import { b } from 'layerhook'; b;" }],
  ['koffi-outside-system', { 'src/layer/a.ts': "import koffi from 'koffi'; koffi;" }],
  ['koffi-outside-system', { 'src/layer/a.ts': "const koffi = require('koffi'); koffi;" }],
  [
    'file-cycle',
    {
      'src/layer/a.ts': "import { b } from './b.js'; export const a = b;",
      'src/layer/b.ts': "import type { a } from './a.js'; export const b = 1 as typeof a;",
    },
  ],
  [
    'folder-cycle',
    {
      'src/layer/x/a.ts': "import { b } from '../y/b.js'; b;",
      'src/layer/y/b.ts': 'export const b = 1;',
      'src/layer/y/c.ts': "import { d } from '../x/d.js'; d;",
      'src/layer/x/d.ts': 'export const d = 1;',
    },
  ],
];

for (const [rule, files] of bad) {
  test(`the checker reports ${rule} in ${Object.values(files)[0]}`, async (t) => {
    const found = await violations(writeSample(tmpdir(t), files), rootsOf(files));
    t.true(
      found.some((line) => line.startsWith(`${rule}: `)),
      found.join('\n'),
    );
  });
}

const good: Record<string, string>[] = [
  { 'src/engine/a.ts': "import { b } from '../layer/b.js'; b;\n// see '../../drivers/copy'" },
  { 'src/layer/a.ts': "import { b } from './b.js'; b;" },
  { 'src/system/a.ts': "export const koffi = () => import('koffi');" },
  { 'drivers/copy/a.ts': "import { b } from './b.js'; import { lstatSync } from 'node:fs'; b; lstatSync;" },
  { 'drivers/copy/a.ts': "import type { Driver } from 'layerhook'; export type A = Driver;" },
  { 'src/mtree/src/a.ts': "import { b } from './b.js'; import { join } from 'node:path'; b; join;" },
  { 'src/cli/a.ts': "import { b } from '../engine/b.js'; b;" },
];

for (const files of good) {
  test(`the checker accepts ${Object.values(files)[0]!.replace(/\n/g, ' ')}`, async (t) => {
    t.deepEqual(await violations(writeSample(tmpdir(t), files), rootsOf(files)), []);
  });
}

/** Writes a sample, with a file `b.ts` wherever one is imported, and returns its directory. */
function writeSample(directory: string, files: Record<string, string>): string {
  const all = { ...files };
  for (const [path, source] of Object.entries(files)) {
    for (const name of importsOf(source).filter((name) => name.startsWith('.'))) {
      const target = join(dirname(path), name).replace(/\.js$/, '.ts');
      all[target] ??= 'export const b = 1; export type B = 1;';
    }
  }
  for (const [path, source] of Object.entries(all)) {
    mkdirSync(join(directory, dirname(path)), { recursive: true });
    writeFileSync(join(directory, path), source);
  }
  return directory;
}

function rootsOf(files: Record<string, string>): string[] {
  return [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))];
}
