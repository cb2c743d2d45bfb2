import test from 'ava';
import { createDispatcher } from '../../src/points/dispatch.js';
import { silentLogger } from '../../src/system/logger.js';
import { layerContext } from '../helpers/contexts.js';
import { load, privateDir, write } from './helpers.js';

const skip = 'unpack.ociv1.layer.try-skip';

test('a module gives hooks; a function is called with the options', async (t) => {
  const dir = privateDir(t);
  write(dir, 'plain.mjs', `export default {'bundle.ociv1.remove': () => {}};`);
  write(
    dir,
    'sub/made.mjs',
    `export default async ({answer}) => ({'${skip}': async (context) => ({skip: context.index === answer})});`,
  );
  const loaded = await load(
    dir,
    `[[hook]]\nmodule = "./plain.mjs"\non-failure = "continue"\n[[hook]]\nmodule = "./sub/made.mjs"\n[hook.options]\nanswer = 1\n`,
  );
  t.deepEqual(
    loaded?.entries.map(({ points }) => points),
    [['bundle.ociv1.remove'], [skip]],
  );
  const scope = { log: silentLogger, signal: new AbortController().signal };
  const dispatcher = createDispatcher(loaded?.sources ?? [], scope);
  t.deepEqual(await dispatcher.first(skip, layerContext('/r', 1)), {
    handled: true,
    by: `hooks.toml:4 module ${dir}/sub/made.mjs`,
    timeout: 0,
    result: { skip: true },
  });
});

test('point chooses among the hooks of a module', async (t) => {
  const dir = privateDir(t);
  write(dir, 'm.mjs', `export default {'bundle.ociv1.remove': () => {}, '${skip}': () => ({skip: true})};`);
  const loaded = await load(dir, `[[hook]]\nmodule = "./m.mjs"\npoint = "${skip}"`);
  t.deepEqual(Object.keys(loaded?.sources[0]?.hooks ?? {}), [skip]);
});

const bad: [title: string, module: string, table: string, message: RegExp][] = [
  ['a syntax error', 'export default {', '', /:2: .*m\.mjs cannot be loaded/],
  ['no default export', 'export const x = 1;', '', /:2: .*exports nothing by default/],
  [
    'an unknown point',
    `export default {'try-skip': () => {}}`,
    '',
    /:2: .*did you mean unpack\.ociv1\.layer\.try-skip or snapshot\.ociv1\.layer\.try-skip\?/,
  ],
  ['no function', `export default {'${skip}': true}`, '', /:2: .*has true at unpack/],
  ['no hooks', 'export default {}', '', /:2: .*has no hooks/],
  ['a function that gives none', 'export default () => 3', '', /:2: .*exports 3/],
  [
    'options for none',
    `export default {'${skip}': () => {}}`,
    '\noptions = {a = 1}',
    /:2: .*cannot take options/,
  ],
  [
    'a point it has not',
    `export default {'${skip}': () => {}}`,
    '\npoint = "bundle.ociv1.remove"',
    /:3: .*no hook at/,
  ],
  [
    'a policy of other points',
    `export default {'${skip}': () => {}}`,
    '\non-failure = "continue"',
    /:3: .*cannot be at/,
  ],
  ['env', `export default {'${skip}': () => {}}`, '\nenv = ["A=b"]', /:3: a module has env/],
];

for (const [title, module, table, message] of bad) {
  test(`CONFIG_INVALID: a module with ${title}`, async (t) => {
    const dir = privateDir(t);
    write(dir, 'm.mjs', module);
    await t.throwsAsync(load(dir, `[[hook]]\nmodule = "./m.mjs"${table}`), {
      code: 'CONFIG_INVALID',
      message,
    });
  });
}

test('CONFIG_INVALID: a module that is a package name, or missing', async (t) => {
  const dir = privateDir(t);
  const load_ = (name: string) => load(dir, `[[hook]]\nmodule = "${name}"`);
  await t.throwsAsync(load_('some-package'), {
    code: 'CONFIG_INVALID',
    message: /:2: the module is "some-package"/,
  });
  await t.throwsAsync(load_('./missing.mjs'), {
    code: 'CONFIG_INVALID',
    message: /missing\.mjs does not exist/,
  });
});
