/** A store whose directories another user made, or may write to, could have its layers exchanged. */
import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/index.js';
import { layerhook } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const other = 12_345;
const parts = ['metadata', 'snapshots', 'removed', 'locks'];

rootTest('root refuses a store that another user made beforehand', async (t) => {
  const root = join(tmpdir(t), 'store');
  mkdirSync(root, { mode: 0o700 });
  chownSync(root, other, other);
  const refused = {
    code: 'STORE_INVALID',
    message: new RegExp(`${root} belongs to another user \\(uid ${other}\\)`),
  };
  await t.throwsAsync(openStore({ root }), refused);
  t.deepEqual(readdirSync(root), []);
  const { reference } = buildImage(t, [[{ name: 'a' }]]);
  const unpack = ['unpack', '--driver', 'overlay', '--store', root, '--image', reference, join(root, '../b')];
  const { status, stderr } = await layerhook(unpack);
  t.is(status, 5);
  t.regex(stderr, /^layerhook: cannot use .* belongs to another user .*; name another directory/);
});

for (const part of parts)
  rootTest(`root refuses a store in which another user made ${part}, or may write to it`, async (t) => {
    const root = join(tmpdir(t), 'store');
    mkdirSync(root, { mode: 0o700 });
    const path = join(root, part);
    mkdirSync(path);
    chownSync(path, other, other);
    await t.throwsAsync(openStore({ root }), {
      code: 'STORE_INVALID',
      message: new RegExp(`/${part} belongs to`),
    });
    chownSync(path, 0, 0);
    for (const mode of [0o770, 0o1777]) {
      chmodSync(path, mode);
      const message = new RegExp(`other users may write to ${path}`);
      await t.throwsAsync(openStore({ root }), { code: 'STORE_INVALID', message });
    }
    chmodSync(path, 0o755);
    await (await openStore({ root })).close();
  });

rootTest('a symlink of another user in a store is refused', async (t) => {
  const dir = tmpdir(t);
  const root = join(dir, 'store');
  mkdirSync(root, { mode: 0o700 });
  mkdirSync(join(dir, 'elsewhere'));
  const link = join(root, 'snapshots');
  symlinkSync(join(dir, 'elsewhere'), link);
  await (await openStore({ root })).close();
  lchownSync(link, other, other);
  await t.throwsAsync(openStore({ root }), {
    code: 'STORE_INVALID',
    message: /snapshots belongs to another/,
  });
});

rootTest('a directory that others may write to is refused as a store, unless it is sticky', async (t) => {
  const root = join(tmpdir(t), 'store');
  mkdirSync(root);
  for (const mode of [0o777, 0o770, 0o2775]) {
    chmodSync(root, mode);
    await t.throwsAsync(openStore({ root }), { code: 'STORE_INVALID', message: /other users may write to/ });
  }
  for (const mode of [0o1777, 0o755, 0o700]) {
    chmodSync(root, mode);
    await (await openStore({ root })).close();
  }
});
