/**
 * Hardlinks that lead out: CVE-2026-23745, CVE-2026-26960 (node-tar: absolute targets, targets through chains of
 * symlinks), CVE-2025-48387 (tar-fs), CVE-2021-32760 (containerd: chmod of a host file through a hardlink).
 */
import { type Arena, unpackHostile } from '../../helpers/hostile.js';
import type { RawLayer } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';

const attacks: Record<string, (arena: Arena) => RawLayer[]> = {
  'an absolute target, then its content and mode changed': ({ outside }) => [
    [
      { name: 'h', type: 'hardlink', linkname: `${outside}/secret`, mode: 0o777, uid: 3 },
      { name: 'h', content: 'overwritten', mode: 0o777 },
    ],
  ],
  'a target by ..': ({ outside, up }) => [
    [{ name: 'h', type: 'hardlink', linkname: `${up}${outside}/secret`, mode: 0o777 }],
  ],
  'a target through a symlink': ({ outside }) => [
    [
      { name: 'l', type: 'symlink', linkname: outside },
      { name: 'h', type: 'hardlink', linkname: 'l/secret' },
    ],
  ],
  'a target through a chain of symlinks, in layers': ({ outside, up }) => [
    [
      { name: 'a', type: 'symlink', linkname: 'b/c' },
      { name: 'b/c', type: 'symlink', linkname: `../${up}${outside}` },
    ],
    [{ name: 'h', type: 'hardlink', linkname: 'a/secret' }],
    [{ name: 'h', content: 'overwritten' }],
  ],
  'a target that is a symlink to a file outside': ({ outside }) => [
    [
      { name: 'l', type: 'symlink', linkname: `${outside}/secret` },
      { name: 'h', type: 'hardlink', linkname: 'l', mode: 0o777, uid: 4, xattrs: { 'user.x': 'x' } },
      { name: 'h', content: 'overwritten' },
    ],
  ],
  'a link placed through a symlink': ({ outside }) => [
    [
      { name: 'f', content: 'f' },
      { name: 'l', type: 'symlink', linkname: outside },
      { name: 'l/new', type: 'hardlink', linkname: 'f' },
    ],
  ],
  'a target that comes later in the layer, through a symlink': ({ outside }) => [
    [
      { name: 'h', type: 'hardlink', linkname: 'l/secret' },
      { name: 'l', type: 'symlink', linkname: outside },
    ],
  ],
};

for (const [name, layers] of Object.entries(attacks)) {
  rootTest(name, async (t) => {
    const { rootfs } = await unpackHostile(t, layers);
    t.not(
      rootfs?.get('h')?.sha256,
      '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b',
      'no host file',
    );
  });
}

for (const [what, linkname] of [
  ['that is missing', 'none'],
  ['that is itself', 'h'],
  ['that is a directory', 'd'],
  ['without a name', ''],
] as const) {
  rootTest(`a target ${what} is an error`, async (t) => {
    const { status } = await unpackHostile(t, () => [
      [
        { name: 'd/', type: 'dir' },
        { name: 'h', type: 'hardlink', linkname },
      ],
    ]);
    t.not(status, 0);
  });
}

rootTest('a hardlink does not change what it links to', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [{ name: 'f', content: 'f', mode: 0o4711, uid: 8, mtime: 99 }],
    [{ name: 'h', type: 'hardlink', linkname: 'f', mode: 0o777, uid: 0, mtime: 1 }],
  ]);
  t.like(rootfs?.get('h'), { mode: '4711', owner: '8:0', mtime: '99.000000000', links: ['f', 'h'] });
});
