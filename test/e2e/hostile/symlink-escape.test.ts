/**
 * Writing through symlinks: CVE-2018-15664 (docker cp), CVE-2021-32803 and CVE-2021-37701 (node-tar, a directory
 * that became a symlink), CVE-2021-37712 and CVE-2026-23950 (names that fold to the same), CVE-2024-12905,
 * CVE-2025-48387 and CVE-2025-59343 (tar-fs), CVE-2021-32760 (containerd, chmod through a link), chains of links.
 */
import { type Arena, unpackHostile } from '../../helpers/hostile.js';
import type { RawLayer } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { utf8 } from '../../helpers/tar.js';

const attacks: Record<string, (arena: Arena) => RawLayer[]> = {
  'an absolute link, then a file through it': ({ outside }) => [
    [
      { name: 'l', type: 'symlink', linkname: outside },
      { name: 'l/secret', content: 'overwritten' },
    ],
  ],
  'a relative link, then a file through it': ({ outside, up }) => [
    [
      { name: 'l', type: 'symlink', linkname: `${up}${outside}` },
      { name: 'l/secret', content: 'overwritten' },
    ],
  ],
  'the link in a lower layer': ({ outside }) => [
    [{ name: 'l', type: 'symlink', linkname: outside }],
    [
      { name: 'l/secret', content: 'overwritten' },
      { name: 'l/new/file', content: 'made' },
    ],
  ],
  'a file in the place of a link': ({ outside }) => [
    [
      { name: 'l', type: 'symlink', linkname: `${outside}/secret` },
      { name: 'l', content: 'overwritten', mode: 0o777 },
    ],
    [{ name: 'l', type: 'symlink', linkname: `${outside}/secret` }],
    [{ name: 'l', content: 'overwritten again' }],
  ],
  'a directory in the place of a link: its mode, owner, time': ({ outside }) => [
    [{ name: 'l', type: 'symlink', linkname: outside }],
    [{ name: 'l', type: 'dir', mode: 0o777, uid: 9, mtime: 1, xattrs: { 'user.x': 'x' } }],
  ],
  'a directory, then a link in its place, then a file through it': ({ outside }) => [
    [
      { name: 'd/', type: 'dir' },
      { name: 'd/a', content: 'a' },
      { name: 'd', type: 'symlink', linkname: outside },
      { name: 'd/secret', content: 'overwritten' },
    ],
  ],
  'an empty directory, a link in its place with a slash, a file through it': ({ outside }) => [
    [
      { name: 'd/', type: 'dir' },
      { name: 'd/', type: 'symlink', linkname: outside },
      { name: 'd/secret', content: 'overwritten' },
    ],
  ],
  'a backslash in the name': ({ outside }) => [
    [
      { name: 'd\\x', type: 'dir' },
      { name: 'd\\x', type: 'symlink', linkname: outside },
      { name: 'd\\x/secret', content: 'overwritten' },
    ],
  ],
  'names equal but for case or normalisation': ({ outside }) => [
    [
      { name: utf8('cafe\u0301'), type: 'dir' },
      { name: utf8('caf\u00e9'), type: 'symlink', linkname: outside },
      { name: utf8('cafe\u0301/secret'), content: 'inside' },
      { name: utf8('stra\u00dfe'), type: 'symlink', linkname: outside },
      { name: 'STRASSE/secret', content: 'inside' },
    ],
  ],
  'a chain of links': ({ outside }) => [
    [
      { name: 'a', type: 'symlink', linkname: 'b' },
      { name: 'b', type: 'symlink', linkname: 'c/d' },
      { name: 'c', type: 'symlink', linkname: '/e' },
      { name: 'e/d', type: 'symlink', linkname: outside },
    ],
    [{ name: 'a/secret', content: 'overwritten' }],
  ],
  'a chain that climbs one step at a time': ({ outside }) => [
    [
      { name: 'd/d/d/', type: 'dir' },
      { name: 'd/d/d/up', type: 'symlink', linkname: '../../..' },
      { name: 'd/d/up2', type: 'symlink', linkname: 'd/up/..' },
      { name: 'up3', type: 'symlink', linkname: `d/d/up2/../../../../..${outside}` },
      { name: 'up3/secret', content: 'overwritten' },
    ],
  ],
  'a link to the root, and .. after it': ({ outside, up }) => [
    [
      { name: 'r', type: 'symlink', linkname: '/' },
      { name: `r/${up}${outside}/secret`, content: 'overwritten' },
    ],
  ],
  'a loop of links': () => [
    [
      { name: 'a', type: 'symlink', linkname: 'b' },
      { name: 'b', type: 'symlink', linkname: 'a' },
      { name: 'a/secret', content: 'overwritten' },
    ],
  ],
  'a link to the rootfs itself by its path on the host, or to one that starts like it': ({ bundle }) => [
    [
      { name: 'l', type: 'symlink', linkname: `${bundle}/rootfs-evil` },
      { name: 'l/x', content: 'x' },
    ],
  ],
  'a link to /proc/self/cwd and /proc/self/root': () => [
    [
      { name: 'l', type: 'symlink', linkname: '/proc/self/cwd' },
      { name: 'l/littered-by-a-layer', content: 'x' },
    ],
  ],
  'devices and fifos through a link': ({ outside }) => [
    [
      { name: 'l', type: 'symlink', linkname: outside },
      { name: 'l/null', type: 'char', devMajor: 1, devMinor: 3 },
      { name: 'l/fifo', type: 'fifo' },
      { name: 'l/link', type: 'symlink', linkname: 'x' },
    ],
  ],
  'whiteouts and opaque markers through a link': ({ outside }) => [
    [{ name: 'l', type: 'symlink', linkname: outside }],
    [{ name: 'l/.wh.secret' }, { name: 'l/sub/.wh..wh..opq' }, { name: 'l/.wh..wh..opq' }],
  ],
  'attributes of a link are not set on its target': ({ outside }) => [
    [
      {
        name: 'l',
        type: 'symlink',
        linkname: `${outside}/secret`,
        mode: 0o777,
        uid: 12,
        mtime: 5,
        xattrs: { 'trusted.x': 'x' },
      },
    ],
  ],
};

for (const [name, layers] of Object.entries(attacks)) {
  rootTest(name, async (t) => {
    await unpackHostile(t, layers);
  });
}

rootTest('link targets are stored unchanged, and resolved in the root for a write below them', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [
      { name: 'usr/lib/', type: 'dir' },
      { name: 'lib', type: 'symlink', linkname: '/usr/lib' },
      { name: 'bin', type: 'symlink', linkname: '../../usr/bin' },
    ],
    [
      { name: 'lib/a', content: 'a' },
      { name: 'bin/b', content: 'b' },
    ],
  ]);
  t.is(rootfs?.get('lib')?.target, '/usr/lib');
  t.is(rootfs?.get('bin')?.target, '../../usr/bin');
  t.true(rootfs?.has('usr/lib/a'));
  t.true(rootfs?.has('usr/bin/b'));
});
