import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { layerhook, refused } from '../../helpers/cli.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { trySkeleton } from './try-skeleton.js';

const needs = { sh: ['jq'], py: ['python3'], mjs: [], ts: [] };

for (const [lang, programs] of Object.entries(needs)) {
  test(`hooks new --hook --lang ${lang} writes a hook whose test passes`, async (t) => {
    if (!requires(t, ...programs)) return;
    await trySkeleton(t, 'hook', lang as keyof typeof needs, 20);
  });
}

test('hooks new refuses bad names, languages and existing directories, and writes nothing', async (t) => {
  const cwd = tmpdir(t);
  mkdirSync(join(cwd, 'there'));
  const wrong: [args: string[], message: RegExp][] = [
    [['Name', '--driver', '--lang', 'sh'], /the name Name must have small letters/],
    [['../up', '--driver', '--lang', 'sh'], /the name \.\.\/up must have small letters/],
    [['overlay', '--driver', '--lang', 'py'], /overlay is the name of a shipped driver/],
    [['mine', '--driver', '--lang', 'rust'], /unknown language rust: expected one of sh, py, mjs, ts/],
    [['mine', '--driver', '--hook', '--lang', 'sh'], /give one of --driver and --hook/],
    [['mine', '--lang', 'sh'], /give one of --driver and --hook/],
    [['there', '--hook', '--lang', 'sh'], /there already exists/],
  ];
  for (const [args, message] of wrong)
    await refused(t, layerhook(['hooks', 'new', ...args], { cwd }), message);
  for (const name of ['Name', 'overlay', 'mine']) t.false(existsSync(join(cwd, name)), name);
});

test('the package ships all skeletons, and each names what it makes', (t) => {
  for (const file of ['driver', 'hook'].flatMap((kind) =>
    [...Object.keys(needs), 'test.mjs'].map((end) => `${kind}.${end}`),
  ))
    t.regex(readFileSync(join('docs/skeletons', file), 'utf8'), /NAME/, file);
});
