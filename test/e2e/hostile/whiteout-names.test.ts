/** Whiteouts named `.wh.`, `.wh..` and `.wh...`, with which umoci deletes the root or the whole bundle. */
import { assertRefused, topOf, unpackHostile } from '../../helpers/hostile.js';
import { rootTest } from '../../helpers/root-test.js';

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
  rootTest(`${name} is an error`, async (t) => {
    await assertRefused(t, 'LAYER_ENTRY', () => [[{ name: 'dir/', type: 'dir' }], [{ name }]]);
  });
}

rootTest('names that only look like whiteouts are plain names', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [{ name: 'x' }, { name: 'b' }],
    [{ name: '.wh' }, { name: '.whx' }, { name: 'a.wh.b' }],
  ]);
  t.deepEqual(topOf(rootfs!), ['.wh', '.whx', 'a.wh.b', 'b', 'x']);
});

rootTest('a whiteout never follows a symlink, nor leaves the root by one', async (t) => {
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

rootTest(
  'an opaque marker below a directory that replaced a symlink clears nothing behind the link',
  async (t) => {
    const { rootfs } = await unpackHostile(t, () => [
      [
        { name: 'etc/passwd', content: 'x' },
        { name: 'old', type: 'symlink', linkname: 'etc' },
      ],
      [{ name: 'old/', type: 'dir' }, { name: 'old/.wh..wh..opq' }, { name: 'old/new' }],
    ]);
    t.true(rootfs?.has('etc/passwd'));
    t.is(rootfs?.get('old')?.type, 'dir');
  },
);
