/**
 * Names that lead out of the root: CVE-2021-32804 and CVE-2026-29786 (node-tar, absolute and drive-relative
 * names), CVE-2024-12905 (tar-fs), and `..` in every place. They stay in the root.
 */
import { unpackHostile } from '../../helpers/hostile.js';
import { rootTest } from '../../helpers/root-test.js';
import type { RawType } from '../../helpers/tar.js';

const names = [
  'UPOUTSIDE/secret',
  '/UPOUTSIDE/secret',
  'OUTSIDE/secret',
  '//OUTSIDE/secret',
  './../../../../../../../../../../../OUTSIDE/secret',
  'a/b/../../UPOUTSIDE/secret',
  'a/../UPOUTSIDE/secret',
  '/./../UPOUTSIDE/./secret',
];

for (const name of names) {
  for (const type of ['file', 'symlink', 'dir', 'fifo', 'char'] as RawType[]) {
    rootTest(`${type} named ${name}`, async (t) => {
      await unpackHostile(t, ({ outside, up }) => {
        const path = name.replace('UP', up).replaceAll('OUTSIDE', outside);
        return [[{ name: path, type, linkname: '/etc/passwd', mode: 0o777, uid: 1 }]];
      });
    });
  }
}

rootTest('names of Windows are plain names', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [{ name: 'C:../../x' }, { name: 'c:\\windows\\..\\y' }, { name: '..\\..\\z' }, { name: '\\\\?\\C:\\q' }],
  ]);
  t.true(rootfs?.has('c:\\windows\\..\\y'));
  t.true(rootfs?.has('..\\..\\z'));
});

rootTest('a name may hold any byte, and ... is a name like others', async (t) => {
  const { rootfs } = await unpackHostile(t, () => [
    [
      { name: '...' },
      { name: 'a\nb' },
      { name: '\x01\xff' },
      { name: '-rf' },
      { name: '..a/b' },
      { name: ' ' },
    ],
  ]);
  for (const name of ['...', 'a\nb', '\x01\xff', '-rf', '..a/b', ' '])
    t.true(rootfs?.has(name), JSON.stringify(name));
});

rootTest('names of files cannot write escapes to the terminal', async (t) => {
  const { status, stderr } = await unpackHostile(t, () => [
    [{ name: '\x1b[2J\x1b]0;title\x07\nfatal: fake', type: 'hardlink', linkname: 'no\x1b[31m' }],
  ]);
  t.not(status, 0);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  t.notRegex(stderr.slice(0, -1), /[\x00-\x1f\x7f]/);
});
