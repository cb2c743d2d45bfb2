/** Commands that look at a store while other processes make and remove bundles and layers in it. */
import { join } from 'node:path';
import { unmountTree } from '../../src/overlay/mount.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const rounds = 4;

rootTest('no command fails because another process removes a bundle or a layer', async (t) => {
  if (!requires(t, 'mount')) return;
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const env = { LAYERHOOK_STORE: join(dir, 'store') };
  const files = Array.from({ length: 200 }, (_, at) => ({ name: `d${at % 10}/f${at}`, content: `${at}` }));
  const { layout } = buildImage(t, [files], { tag: 'one' });
  const other = buildImage(t, [[{ name: 'other' }], files], { tag: 'two' }).layout;
  const run = (...args: string[]) => succeed(t, layerhook(args, { env }));
  const makers = [`${layout}:one`, `${other}:two`].map(async (image, at) => {
    for (let round = 0; round < rounds; round++) {
      const bundle = join(dir, `b${at}-${round % 2}`);
      await run('unpack', '--driver', 'overlay', '--image', image, bundle);
      await run('bundle', 'rm', bundle);
      await run('store', 'gc');
    }
  });
  let isDone = false;
  const made = Promise.all(makers).finally(() => {
    isDone = true;
  });
  const lookers = [
    ['bundle', 'ls'],
    ['store', 'ls'],
    ['store', 'du'],
    ['store', 'gc'],
    ['store', 'verify'],
  ].map(async (args) => {
    while (!isDone) await run(...args);
  });
  await Promise.all([made, ...lookers]);
  t.is(await run('bundle', 'ls'), 'STATE  IMAGE  CHANGES  BUNDLE\n');
  await run('store', 'gc');
  t.is(JSON.parse(await run('store', 'df', '--json')).contents, 0);
});
