import type { RawLayer } from '../helpers/image.js';
import type { RawEntry } from '../helpers/tar.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';
import { headers } from './headers.js';

/** An attack by the bytes of layers, as an advisory describes it. */
export interface Advisory {
  /** the advisory, and others about the same mechanism */
  ids: readonly [string, ...string[]];
  /** the program that it was found in */
  of: string;
  what: string;
  /** @param outside path of a directory of the host with the canaries `secret` and `sub/secret` */
  layers(outside: string): RawLayer[];
  /**
   * `contained`: unpacked, with the tree of the model; `refused`: a typed error; a list of names: unpacked, with these names
   * at the top; default: the model decides
   */
  result?: 'contained' | 'refused' | readonly string[];
  /** makes the blob of a layer */
  blob?: (tar: Buffer) => Buffer;
}

const up = '../'.repeat(20);
const x = (name: string, more: Partial<RawEntry> = {}) => file(name, 'x', more);

const escapes: Advisory[] = [
  {
    ids: ['CVE-2021-29136', 'GHSA-9m95-8hx6-7p9v'],
    of: 'umoci',
    what: 'a symlink in place of the root directory redirects the next layer',
    layers: (outside) => [[symlink('.', outside)], [x('secret')]],
    result: 'refused',
  },
  {
    ids: ['CVE-2014-6407', 'GHSA-5qgp-p5jc-w2rm'],
    of: 'docker',
    what: 'a file through a symlink, and a hardlink to a file of the host',
    layers: (outside) => [[symlink('l', outside), x('l/secret')], [hardlink('h', `${outside}/secret`)]],
  },
  {
    ids: ['CVE-2014-9356'],
    of: 'docker',
    what: 'an absolute symlink in one layer, a file through it in the next',
    layers: (outside) => [[symlink('l', outside)], [x('l/secret'), x('l/sub/new')]],
  },
  {
    ids: ['CVE-2014-9357'],
    of: 'docker',
    what: 'names with .. in front of an absolute path',
    layers: (outside) => [[x(`${up}${outside}/secret`), x(`..${outside}/secret`), x(`/${outside}/secret`)]],
  },
  {
    ids: ['CVE-2018-15664', 'CVE-2026-41568', 'CVE-2026-42306'],
    of: 'docker',
    what: 'a directory that a symlink replaces between its creation and its use',
    layers: (outside) => [[dir('d'), x('d/a'), symlink('d', outside), x('d/secret'), x('d/sub/secret')]],
  },
  {
    ids: ['CVE-2019-14271'],
    of: 'docker',
    what: 'libraries and name service files of the image, which the host must not load',
    layers: () => [
      [x('lib64/libnss_files.so.2', { mode: 0o755 }), x('etc/nsswitch.conf'), x('etc/ld.so.preload')],
    ],
    result: 'contained',
  },
  {
    ids: ['CVE-2026-17106', 'GHSA-hfg8-hc9c-6c3h', 'GO-2026-6253'],
    of: 'moby/go-archive',
    what: 'hardlinks through links, and whiteouts through links, to files outside the destination',
    layers: (outside) => [
      [symlink('l', outside), symlink('s', `l/secret`), dir('d'), symlink('d/up', '..')],
      [hardlink('h', 's'), file('d/up/l/.wh.secret'), file('l/sub/.wh..wh..opq')],
      [x('h', { mode: 0o777 })],
    ],
  },
  {
    ids: ['CVE-2021-32760', 'GHSA-c72p-9xmj-rx3w'],
    of: 'containerd',
    what: 'chmod of a file of the host through a hardlink to a symlink',
    layers: (outside) => [
      [symlink('l', `${outside}/secret`), { ...hardlink('h', 'l'), mode: 0o4777, uid: 7 }],
      [{ ...hardlink('g', 'h'), mode: 0o4777 }],
    ],
  },
  {
    ids: ['CVE-2022-23648', 'CVE-2026-53489'],
    of: 'containerd',
    what: 'a path of the image that leads to the host when it is read there',
    layers: (outside) => [
      [symlink('vol', `${up}${outside}`), dir('etc'), symlink('etc/passwd', `${outside}/secret`)],
    ],
    result: 'contained',
  },
  {
    ids: ['CVE-2019-16884', 'CVE-2021-30465', 'CVE-2023-27561', 'CVE-2026-41579', 'CVE-2025-31133'],
    of: 'runc',
    what: '/proc, /sys, /dev and /dev/null of the image are symlinks to the host',
    layers: (outside) => [
      [symlink('proc', outside), symlink('sys', '/proc'), symlink('dev', outside)],
      [x('proc/secret'), x('dev/secret'), symlink('dev/null', `${outside}/secret`)],
    ],
  },
  {
    ids: ['CVE-2024-45310', 'CVE-2024-21626'],
    of: 'runc',
    what: 'directories that are made through symlinks to descriptors and roots of processes',
    layers: (outside) => [
      [
        symlink('a', `/proc/self/fd/3`),
        symlink('b', `/proc/1/root${outside}`),
        symlink('c', '/proc/self/cwd'),
      ],
      [x('a/new/secret'), x('b/secret'), dir('b/sub/new'), x('c/new')],
    ],
  },
  {
    ids: ['CVE-2024-1753', 'CVE-2024-9675', 'CVE-2024-11218', 'CVE-2026-55686'],
    of: 'buildah',
    what: 'a symlink to / as the directory that is worked in',
    layers: (outside) => [
      [symlink('work', '/')],
      [x(`work${outside}/secret`), dir(`work/${up}${outside}/sub`, { mode: 0o777 })],
    ],
  },
  {
    ids: ['CVE-2019-10152', 'CVE-2025-9566'],
    of: 'podman',
    what: 'a symlink in place of a file that is written',
    layers: (outside) => [[symlink('f', `${outside}/secret`)], [x('f')]],
    result: 'contained',
  },
  {
    ids: ['CVE-2020-10696'],
    of: 'buildah',
    what: 'chains of absolute and relative symlinks that climb one step at a time',
    layers: (outside) => [
      [dir('d/d'), symlink('d/d/a', '../..'), symlink('b', 'd/d/a/..'), symlink('c', `b/${up}${outside}`)],
      [x('c/secret'), x('c/sub/secret')],
    ],
  },
  {
    ids: ['CVE-2018-20834'],
    of: 'node-tar',
    what: 'a hardlink to a file of the host, and a file of the same name that writes into it',
    layers: (outside) => [[hardlink('h', `${up}${outside}/secret`), x('h')]],
  },
  {
    ids: ['CVE-2021-32803'],
    of: 'node-tar',
    what: 'a directory whose cached knowledge outlives a symlink in its place',
    layers: (outside) => [[dir('d'), symlink('d/', outside), x('d/secret')]],
  },
  {
    ids: ['CVE-2021-32804'],
    of: 'node-tar',
    what: 'absolute names with several slashes',
    layers: (outside) => [[x(`///${outside}/secret`), x(`/./${outside}/secret`)]],
    result: 'contained',
  },
  {
    ids: ['CVE-2021-37701'],
    of: 'node-tar',
    what: 'backslashes as separators of directories',
    layers: (outside) => [[dir('a\\b'), symlink('a\\b', outside), x('a\\b/secret'), x('..\\..\\secret')]],
  },
  {
    ids: ['CVE-2021-37712', 'CVE-2026-23950'],
    of: 'node-tar',
    what: 'names that some file systems fold to the same name',
    layers: (outside) => [
      [dir('cafe\xcc\x81'), symlink('caf\xc3\xa9', outside), x('cafe\xcc\x81/secret')],
      [symlink('stra\xc3\x9fe', outside), x('STRASSE/secret'), x('strasse/secret')],
    ],
  },
  {
    ids: ['CVE-2021-37713', 'CVE-2026-29786', 'CVE-2026-31802'],
    of: 'node-tar',
    what: 'names and link targets relative to a drive',
    layers: (outside) => [
      [x(`C:${outside}/secret`), x('C:../secret'), symlink('l', `C:${up}${outside}`), x('l/secret')],
      [hardlink('h', `C:${up}${outside}/secret`)],
    ],
  },
  {
    ids: ['CVE-2026-23745'],
    of: 'node-tar',
    what: 'absolute targets of hardlinks and symlinks that are not sanitised',
    layers: (outside) => [[hardlink('h', `${outside}/secret`)], [symlink('s', `${outside}/secret`), x('s')]],
    result: 'refused',
  },
  {
    ids: ['CVE-2026-24842'],
    of: 'node-tar',
    what: 'a hardlink deep in the tree whose target is checked from its directory and used from the root',
    layers: (outside) => [[dir('a/b/c/d'), hardlink('a/b/c/d/x', `../../../..${outside}/secret`)]],
    result: 'refused',
  },
  {
    ids: ['CVE-2026-26960', 'GHSA-83g3-92jg-28cx'],
    of: 'node-tar',
    what: 'a hardlink through two symlinks that look harmless',
    layers: (outside) => [
      [dir('a/b/c'), symlink('a/b/c/up', '../..'), symlink('a/b/escape', 'c/up/../..')],
      [hardlink('exfil', `a/b/escape/${up}${outside}/secret`)],
    ],
    result: 'refused',
  },
  {
    ids: ['CVE-2018-20835', 'GHSA-x2mc-8fgj-3wmr'],
    of: 'tar-fs',
    what: 'a hardlink to a file of the host, then content under its name in a later layer',
    layers: (outside) => [[symlink('s', outside)], [hardlink('h', 's/secret')], [x('h')]],
    result: 'refused',
  },
  {
    ids: ['CVE-2024-12905'],
    of: 'tar-fs',
    what: 'a symlink, a hardlink to it, and a file through the hardlink',
    layers: (outside) => [
      [symlink('s', outside), hardlink('h', 's'), x('h/secret'), dir('h/sub', { mode: 0o777 })],
    ],
  },
  {
    ids: ['CVE-2025-48387'],
    of: 'tar-fs',
    what: 'a symlink to the parent of the destination',
    layers: (outside) => [[symlink('s', '..'), symlink('s/t', outside), x('s/t/secret')]],
  },
  {
    ids: ['CVE-2025-59343', 'GHSA-vj76-c3g6-qr5v'],
    of: 'tar-fs',
    what: 'a symlink to a directory whose name begins as the destination does',
    layers: (outside) => [
      [symlink('s', `${outside}-evil`), x('s/secret'), symlink('t', '../rootfs-evil'), x('t/x')],
    ],
  },
  {
    ids: ['CVE-2026-50163', 'GHSA-fxhp-mv3v-67qp'],
    of: 'oras-go',
    what: 'a relative target of a hardlink that means a file in the working directory',
    layers: () => [[hardlink('h', 'package.json'), hardlink('i', './README.md')]],
    result: 'refused',
  },
  {
    ids: ['RUSTSEC-2026-0067', 'GHSA-j4xf-2g29-59ph'],
    of: 'tar-rs',
    what: 'a directory entry at a symlink to a directory of the host, whose mode it changes',
    layers: (outside) => [
      [symlink('d', outside), dir('d', { mode: 0o777, uid: 5, mtime: 1 })],
      [dir('d/sub', { mode: 0o777 })],
    ],
    result: 'contained',
  },
  {
    ids: ['CVE-2025-45582'],
    of: 'GNU tar',
    what: 'two archives: a symlink with .., then a file below it',
    layers: (outside) => [[symlink('l', `${up}${outside}`)], [x('l/secret')], [file('l/.wh.secret')]],
  },
  {
    ids: ['CVE-2025-4330', 'CVE-2026-11940'],
    of: 'Python tarfile',
    what: 'a hardlink to a symlink that means another directory at the place of the hardlink',
    layers: (outside) => [
      [dir('a/b'), symlink('a/b/s', `../../..${outside}`), hardlink('h', 'a/b/s'), x('h/secret')],
    ],
  },
  {
    ids: ['CVE-2001-1267'],
    of: 'GNU tar',
    what: '.. in the middle and at the end of names',
    layers: (outside) => [[x(`d/../../../..${outside}/secret`), dir('d/..'), x('d/../../e')]],
  },
];

/** Every advisory that an image can carry. */
export const advisories: readonly Advisory[] = [...escapes, ...headers];
