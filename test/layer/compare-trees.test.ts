import { execFileSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { compareTrees, publish } from '../../src/index.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

/** A tree, a clone of it, the time of the clone, and a shell that runs in the clone. */
function setup(t: ExecutionContext) {
  const dir = tmpdir(t);
  const [lower, upper, note] = ['lower', 'upper', 'note'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const sh = (script: string, cwd: string) => execFileSync('sh', ['-euc', script], { cwd });
  const make = `mkdir -p lower/a lower/b lower/e; cd lower; echo one > a/f; echo two > b/f; touch -d @5 a/f b/f; echo g > g
ln g h; ln -s g l; mknod c c 1 3; setfattr -n user.x -v 1 g; touch -d @7.25 e; echo k > k; touch -d @9 k`;
  sh(make, dir);
  execFileSync('cp', ['-a', lower, upper]);
  writeFileSync(note, '');
  const since = statSync(note, { bigint: true }).mtimeNs;
  // a change in the same tick of the clock counts as one after the clone, but so does the clone itself
  const compare = async (options = {}) =>
    (await compareTrees(lower, upper, options)).map(({ path, kind }) => `${kind} ${path}`);
  return { dir, since, compare, edit: (script: string) => sh(`sleep 0.02; ${script}`, upper) };
}

rootTest('a clone is unchanged, whether its files are read or not', async (t) => {
  const { since, compare } = setup(t);
  t.deepEqual(await compare(), []);
  t.deepEqual(await compare({ since }), []);
  t.deepEqual(await compare({ since: 0n }), []);
});

const edits: [title: string, script: string, changes: string[]][] = [
  [
    'content of the same size and time',
    'printf K > kk; printf "K\\n" > k; rm kk; touch -d @9 k',
    ['modify k'],
  ],
  ['a fraction of a second', 'touch -d @7.75 e', []],
  ['a whole second', 'touch -d @8 e', ['modify e']],
  [
    'modes, owners, attributes',
    'chmod 600 a/f; chown 5 b/f; setfattr -n user.y -v 1 g',
    ['modify a/f', 'modify b/f', 'modify g', 'modify h'],
  ],
  ['an attribute that is gone', 'setfattr -x user.x g', ['modify g', 'modify h']],
  [
    'device numbers and link targets',
    'rm c l; mknod c c 1 5; ln -s h l; touch -hd @1 l',
    ['modify c', 'modify l'],
  ],
  ['a name of a hardlink that is gone', 'rm h', ['modify g', 'delete h']],
  ['a hardlink that became a copy', 'cp -p h x; mv x h', ['modify g', 'modify h']],
  [
    'new and deleted trees',
    'rm -r a; mkdir n; touch -d @3 n/f',
    ['delete a', 'delete a/f', 'add n', 'add n/f'],
  ],
  [
    'directories that changed places',
    'touch -d @1 a b; mv a x; mv b a; mv x b',
    ['modify a/f', 'modify b/f'],
  ],
];

for (const [title, script, changes] of edits) {
  rootTest(`differences: ${title}`, async (t) => {
    const { since, compare, edit } = setup(t);
    edit(script);
    // directories get other times with their entries
    const isTold = (line: string) => changes.includes(line) || !/^modify (\.|a|b|e)$/.test(line);
    const without = (lines: string[]) => lines.filter(isTold);
    t.deepEqual(without(await compare()), changes);
    t.deepEqual(without(await compare({ since })), changes);
  });
}

rootTest('publish gives the name to the first, and leaves the second to its caller', async (t) => {
  const dir = tmpdir(t);
  const [first, second, final] = ['first', 'second', 'final'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  execFileSync('mkdir', [first, second]);
  t.true(await publish(first, final));
  t.false(await publish(second, final));
  t.true(statSync(second).isDirectory() && statSync(final).isDirectory());
  await t.throwsAsync(publish(join(dir, 'none'), join(dir, 'other')), { code: 'ENOENT' });
});
