import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import * as mtree from 'mtree-ts';
import { tmpdir } from '../helpers/tmp.js';

const packageDirectory = dirname(dirname(fileURLToPath(import.meta.resolve('mtree-ts'))));
const readme = readFileSync(join(packageDirectory, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```js\n(.*?)```\n\n```text\n(.*?)```/gs)];

test('has four examples', (t) => {
  t.is(examples.length, 4);
});

for (const [index, [, code = '', output = '']] of examples.entries()) {
  test(`example ${index + 1} runs and prints what the README says`, (t) => {
    const directory = tmpdir(t);
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(packageDirectory, join(directory, 'node_modules/mtree-ts'));
    writeFileSync(join(directory, 'example.mjs'), code);
    const printed = execFileSync(process.execPath, ['example.mjs'], { cwd: directory, encoding: 'utf8' });
    t.is(printed, output);
  });
}

test('its table of keywords is that of the code', (t) => {
  const sources = { file: 'yes', flag: 'flag', none: 'no' };
  const rows = Object.entries(mtree.keywordTable).map(([name, row]: [string, mtree.KeywordRow]) => {
    const synonyms = row.synonyms.map((synonym) => `\`${synonym}\``).join(' ') || '–';
    return `| \`${name}\` | ${synonyms} | ${row.bsd ? 'yes' : 'no'} | ${sources[row.source]} | ${row.meaning} |`;
  });
  const [, table] = /## Keywords\n\n.*\n.*\n((?:\|.*\n)*)/.exec(readme)!;
  t.deepEqual(table!.trim().split('\n'), rows);
});

test('the README names every function that the package exports', (t) => {
  const [, section] = /## Functions\n(.*?)\n## /s.exec(readme)!;
  const unnamed = Object.keys(mtree).filter(
    (name) => !section!.includes(name) && !readme.includes(`\`${name}\``),
  );
  t.deepEqual(unnamed, []);
});
