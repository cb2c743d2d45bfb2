/**
 * Headers that readers understand differently: CVE-2025-62518 and CVE-2026-53655 (a PAX size ignored, or applied
 * to the wrong header), CVE-2026-59874 (negative sizes that never end), CVE-2026-59875 (NUL in PAX values).
 */
import { assertRefused, topOf, unpackHostile } from '../../helpers/hostile.js';
import { rootTest } from '../../helpers/root-test.js';
import { paxRecords, type RawEntry, tar } from '../../helpers/tar.js';

/** A tar inside a file's content; a reader that misreads the size takes its entries for the outer tar's. */
const smuggled = tar([{ name: 'smuggled', content: 'evil' }], { trailer: false });

rootTest('a PAX size overrides the header: a tar inside the content is content', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [{ name: 'a', content: smuggled, size: 0, pax: { size: String(smuggled.length) } }, { name: 'b' }],
  ]);
  t.deepEqual(topOf(rootfs!), ['a', 'b']);
  t.is(rootfs?.get('a')?.size, smuggled.length);
});

rootTest('a PAX size belongs to the next file, not to a header between', async (t) => {
  const pax = paxRecords({ size: String(smuggled.length) });
  const long = `long/${'n'.repeat(150)}`;
  const entries: RawEntry[] = [
    { name: 'PaxHeaders/x', type: 'pax', content: pax },
    { name: '././@LongLink', type: 'L', content: `${long}\0` },
    { name: 'short', content: smuggled, size: 0 },
    { name: 'b' },
  ];
  const { rootfs } = await unpackHostile(t, () => [entries]);
  if (rootfs) {
    t.false(rootfs.has('smuggled'));
    t.true(rootfs.has('b'));
  }
});

rootTest('PAX records do not reach the entry after the next', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [
      { name: 'a', pax: { path: 'renamed', uid: '77', mtime: '5' }, xattrs: { 'user.x': 'x' } },
      { name: 'b', mtime: 6 },
    ],
  ]);
  t.deepEqual(topOf(rootfs!), ['b', 'renamed']);
  t.like(rootfs?.get('b'), { owner: '0:0', mtime: '6.000000000', xattrs: undefined });
});

for (const [what, entries] of Object.entries({
  'a negative size, base 256': [{ name: 'a', patch: (h: Buffer) => h.fill(0xff, 124, 136) }],
  'a negative PAX size': [{ name: 'a', pax: { size: '-512' } }, { name: 'b' }],
  'a PAX size above 2^53': [{ name: 'a', pax: { size: '99999999999999999999' } }],
  'a size of 2^63 in base 256': [
    { name: 'a', patch: (h: Buffer) => h.write('\x80\0\0\0\x80', 124, 'latin1') },
  ],
  'a PAX record longer than the header': [
    { name: 'x', type: 'pax', content: '99999 path=a\n' },
    { name: 'a' },
  ],
  'a PAX record without a length': [{ name: 'x', type: 'pax', content: 'path=a\n' }, { name: 'a' }],
  'a PAX record without =': [{ name: 'x', type: 'pax', content: '8 pathx\n' }, { name: 'a' }],
  'a PAX path with NUL': [{ name: 'a', pax: { path: 'a\0b' } }],
  'a PAX size that is not a number': [{ name: 'a', pax: { size: '1e3' } }],
  'a PAX owner of 2^32': [{ name: 'a', pax: { uid: '4294967296' } }],
  'a PAX owner that is not a number': [{ name: 'a', pax: { uid: 'root' } }],
  'a PAX header of a gigabyte': [{ name: 'x', type: 'pax', content: '', size: 2 ** 30 }],
  'a GNU name of a gigabyte': [{ name: '././@LongLink', type: 'L', content: '', size: 2 ** 30 }],
} as Record<string, RawEntry[]>)) {
  rootTest(`${what} ends or is contained, in bounded time`, async (t) => {
    const { rootfs, status } = await unpackHostile(t, () => [entries]);
    if (status === 0) t.false(rootfs?.has('smuggled'));
    else t.pass();
  });
}

rootTest('the size of a link is ignored, as in Go and GNU tar', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [{ name: 'a' }, { name: 'l', type: 'hardlink', linkname: 'a', content: smuggled }],
  ]);
  t.deepEqual(topOf(rootfs!), ['a', 'l', 'smuggled']);
});

rootTest('an owner of 2^32-1 or more is an error, never silently root', async (t) => {
  for (const uid of ['4294967295', '4294967296', '-1']) {
    await assertRefused(t, 'TAR_INVALID', () => [[{ name: 'a', pax: { uid } }]]);
  }
});

rootTest('PAX times are kept to the nanosecond; empty PAX values mean none', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [
      { name: 'a', pax: { mtime: '1234567890.123456789' } },
      { name: 'b', mtime: 9, pax: { mtime: '', path: '', uname: '' } },
    ],
  ]);
  t.is(rootfs?.get('a')?.mtime, '1234567890.123456789');
  t.like(rootfs?.get('b'), { mtime: '9.000000000' });
});

rootTest('a global PAX header is legal and does not leak into the tree', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [
      { name: 'pax_global_header', type: 'global', content: paxRecords({ comment: 'by git archive' }) },
      { name: 'a' },
    ],
  ]);
  t.deepEqual(topOf(rootfs!), ['a']);
});
