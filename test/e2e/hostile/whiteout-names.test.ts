/** Whiteouts named `.wh.`, `.wh..` and `.wh...`, with which umoci deletes the root or the whole bundle. */
import test from 'ava';
import { assertRefused, topOf, unpackHostile } from '../../helpers/hostile.js';
import { requires } from '../../helpers/requires.js';

for (const name of [
  '.wh.',
  '.wh..',
  '.wh...',
  'dir/.wh.',
  'dir/.wh..',
  'dir/.wh...',
  './.wh...',
  'x/../.wh...',
]) {
  test(`${name} is an error`, async (t) => {
    if (!requires(t, 'root')) return;
    await assertRefused(t, 'LAYER_ENTRY', () => [[{ name: 'dir/', type: 'dir' }], [{ name }]]);
  });
}

test('names that only look like whiteouts are plain names', async (t) => {
  if (!requires(t, 'root')) return;
  const { rootfs } = await unpackHostile(t, () => [
    [{ name: 'x' }, { name: 'b' }],
    [{ name: '.wh' }, { name: '.whx' }, { name: 'a.wh.b' }],
  ]);
  t.deepEqual(topOf(rootfs!), ['.wh', '.whx', 'a.wh.b', 'b', 'x']);
});

test('a whiteout never follows a symlink, nor leaves the root by one', async (t) => {
  if (!requires(t, 'root')) return;
  const { rootfs } = await unpackHostile(t, ({ outside, up }) => [
    [
      { name: 'absolute', type: 'symlink', linkname: outside },
      { name: 'relative', type: 'symlink', linkname: `${up}${outside}` },
    ],
    [
      { name: 'absolute/.wh.secret' },
      { name: 'relative/.wh..wh..opq' },
      { name: `${'../'.repeat(9)}.wh.none` },
    ],
    [{ name: '.wh.absolute' }, { name: '.wh.relative' }],
  ]);
  if (rootfs) t.false(rootfs.has('absolute'));
});

test('an opaque marker below a directory that replaced a symlink clears nothing behind the link', async (t) => {
  if (!requires(t, 'root')) return;
  const { rootfs } = await unpackHostile(t, () => [
    [
      { name: 'etc/passwd', content: 'x' },
      { name: 'old', type: 'symlink', linkname: 'etc' },
    ],
    [{ name: 'old/', type: 'dir' }, { name: 'old/.wh..wh..opq' }, { name: 'old/new' }],
  ]);
  t.true(rootfs?.has('etc/passwd'));
  t.is(rootfs?.get('old')?.type, 'dir');
});
