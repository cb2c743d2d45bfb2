/** Modules of the operator: what they can import, where packages are found, and what is said about a module with a fault. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { layerhook } from '../helpers/cli.js';
import { privateDir } from './helpers.js';

function write(dir: string, name: string, text: string): string {
  const file = join(dir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const check = (dir: string, toml: string, cwd = '/') =>
  layerhook(['hooks', 'check', write(dir, 'hooks.toml', toml)], { cwd });

const driver = (name: string) => `[driver]\nname = ${JSON.stringify(name)}\n`;

/** A driver that fails with what it sees, so that a test can read it. */
const telling = (expression: string, parameters = 'options') =>
  `export default (${parameters}) => { throw new Error('sees ' + ${expression}); };`;

test('a driver and a hook import layerhook wherever they lie', async (t) => {
  const dir = privateDir(t);
  for (const entry of [
    'layerhook',
    'layerhook/store',
    'layerhook/overlay',
    'layerhook/system',
    'layerhook/testing',
  ]) {
    const text = `import * as api from '${entry}';\n${telling('Object.keys(api).length')}`;
    const { stderr } = await check(dir, driver(write(dir, 'd.mjs', text)));
    t.regex(stderr, /d\.mjs:2: sees [1-9]\d*;/, entry);
  }
  const hook = `import { Slot } from 'layerhook';\nexport default { 'bundle.ociv1.remove': () => Slot };`;
  write(dir, 'h.mjs', hook);
  t.is((await check(dir, '[[hook]]\nmodule = "./h.mjs"\n')).status, 0);
});

test("a driver's own copy of layerhook comes first", async (t) => {
  const dir = privateDir(t);
  write(dir, 'node_modules/layerhook/package.json', '{"name": "layerhook", "exports": "./x.mjs"}');
  write(dir, 'node_modules/layerhook/x.mjs', 'export const version = "mine";');
  const text = `import { version } from 'layerhook';\n${telling('version')}`;
  t.regex((await check(dir, driver(write(dir, 'd.mjs', text)))).stderr, /sees mine/);
});

test('the factory gets the API as second argument', async (t) => {
  const dir = privateDir(t);
  for (const parameters of ['options, api', 'options = {}, api = null', '...all'])
    t.regex(
      (
        await check(
          dir,
          driver(
            write(
              dir,
              'd.mjs',
              telling(parameters === '...all' ? 'typeof all[1].declined' : 'typeof api.declined', parameters),
            ),
          ),
        )
      ).stderr,
      /sees symbol/,
      parameters,
    );
});

test("a package is looked up from hooks.toml's directory, then the working directory", async (t) => {
  const dir = privateDir(t);
  const cwd = privateDir(t);
  const put = (where: string, name: string, says: string) => {
    const at = join(where, 'node_modules', name);
    write(at, 'package.json', JSON.stringify({ name, type: 'module', exports: { import: './x.js' } }));
    write(at, 'x.js', telling(`'${says}'`));
  };
  put(cwd, 'my-driver', 'cwd');
  put(cwd, '@me/other', 'cwd');
  t.regex((await check(dir, driver('my-driver'), cwd)).stderr, /sees cwd/);
  t.regex((await check(dir, driver('@me/other'), cwd)).stderr, /sees cwd/);
  put(dir, 'my-driver', 'hooks.toml');
  t.regex((await check(dir, driver('my-driver'), cwd)).stderr, /sees hooks\.toml/);
  t.regex(
    (await check(dir, driver('my-driverr'), cwd)).stderr,
    /driver my-driverr cannot be loaded: the module is missing/,
  );
  t.regex(
    (await check(dir, driver('overlya'), cwd)).stderr,
    /the module is missing \(did you mean overlay\?\)/,
  );
});

const faults: [title: string, text: string, reason: RegExp][] = [
  ['a syntax error', 'const a = 1;\nfoo bar\n', /d\.mjs:2: Unexpected identifier/],
  [
    'a package that is missing',
    "// x\nimport x from 'no-such-package';",
    /d\.mjs:2 imports no-such-package, which is missing/,
  ],
  ['a file that is missing', "\n\nimport './none.mjs';", /d\.mjs:3 imports .*\/none\.mjs, which is missing/],
  [
    'an export that is missing',
    "import { nothing } from 'layerhook';",
    /d\.mjs:1: The requested module 'layerhook' does not provide an export named 'nothing'/,
  ],
  ['a fault while it is loaded', '\nnull.x;', /d\.mjs:2: Cannot read properties of null/],
  ['a fault in a module that it imports', "import './deep.mjs';", /deep\.mjs:1: deep/],
  [
    'no default export',
    'export const hooks = {};',
    /its default export is nothing; export default \(options\) => \(\{ name, hooks \}\)/,
  ],
  ['a factory that gives nothing', 'export default () => {};', /its factory returned nothing/],
  [
    'no hooks',
    "export default () => ({ name: 'x' });",
    /it has no hooks; a driver is an object \{ name, hooks \}/,
  ],
  [
    'misspelt hooks',
    "export default () => ({ name: 'x', hoks: {} });",
    /it has no hooks; a driver is an object \{ name, hooks \} \(did you mean hoks\?\)/,
  ],
  ['no name', 'export default () => ({ hooks: {} });', /it has no name/],
];

for (const [title, text, reason] of faults) {
  test(`a driver with ${title}: one plain line`, async (t) => {
    const dir = privateDir(t);
    write(dir, 'deep.mjs', "throw new Error('deep');");
    const { status, stderr } = await check(dir, driver(write(dir, 'd.mjs', text)));
    t.is(status, 9);
    t.regex(stderr, reason);
    t.is(stderr.trim().split('\n').length, 1, stderr);
  });
}

test('an error about a misspelt driver or hook file suggests the right name', async (t) => {
  const dir = privateDir(t);
  write(dir, 'reflink.mjs', '');
  for (const toml of [driver(join(dir, 'reflnk.mjs')), '[[hook]]\nmodule = "./reflnk.mjs"\n'])
    t.regex((await check(dir, toml)).stderr, /reflnk\.mjs does not exist \(did you mean reflink\.mjs\?\)/);
});
