import { gzipSync } from 'node:zlib';
import { paxRecords, type RawEntry, tar } from '../helpers/tar.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';
import type { Advisory } from './advisories.js';

const x = (name: string, more: Partial<RawEntry> = {}) => file(name, 'x', more);
/** A tar inside the content of a file: a reader that takes the wrong size sees its entries. */
const smuggled = tar([{ name: 'smuggled', content: 'x' }], { trailer: false });
const size = { size: String(smuggled.length) };
const pax = (content: Buffer): RawEntry => ({ name: 'PaxHeaders/x', type: 'pax', content });
const gnuName = (name: string, type: 'L' | 'K' = 'L'): RawEntry => ({
  name: '././@LongLink',
  type,
  content: `${name}\0`,
});

/** Advisories about readers that take other bytes for headers than the writer meant, or that never end. */
export const headers: Advisory[] = [
  {
    ids: ['CVE-2025-62518'],
    of: 'tokio-tar',
    what: 'a PAX size that the header contradicts: a tar in the content is content',
    layers: () => [[{ name: 'a', content: smuggled, size: 0, pax: size }, x('b')]],
    result: ['a', 'b'],
  },
  {
    ids: ['CVE-2026-33055', 'RUSTSEC-2026-0068', 'GHSA-gchp-q4r4-x4ff'],
    of: 'tar-rs',
    what: 'a PAX size that is ignored where the header has another size',
    layers: () => [[{ name: 'a', content: smuggled, size: 512, pax: size }, x('b')]],
    result: ['a', 'b'],
  },
  {
    ids: ['CVE-2026-53655', 'GHSA-vmf3-w455-68vh'],
    of: 'node-tar',
    what: 'a PAX size that is applied to a GNU long name between',
    layers: () => [
      [pax(paxRecords(size)), gnuName('long'), { name: 'short', content: smuggled, size: 0 }, x('b')],
    ],
    result: ['b', 'long'],
  },
  {
    ids: ['GHSA-fp55-jw48-c537'],
    of: 'astral-tokio-tar',
    what: 'PAX records between two headers that only some readers apply',
    layers: () => [
      [
        pax(paxRecords({ path: 'seen' })),
        { name: 'g', type: 'global', content: paxRecords({ path: 'hidden' }) },
        x('a'),
      ],
    ],
    result: 'refused',
  },
  {
    ids: ['CVE-2026-59871', 'GHSA-w8wr-v893-vjvp'],
    of: 'node-tar',
    what: 'a PAX path and link path of digits only',
    layers: () => [
      [
        { ...dir('d'), pax: { path: '12345' } },
        { ...symlink('l', 't'), pax: { path: '67', linkpath: '89' } },
      ],
    ],
    result: ['12345', '67'],
  },
  {
    ids: ['CVE-2026-59873'],
    of: 'node-tar',
    what: 'a gzip bomb in many members that does not end in a tar',
    layers: () => [Buffer.alloc(100_000)],
    blob: (bytes) => Buffer.concat([gzipSync(bytes), ...Array.from({ length: 2000 }, () => gzipSync(''))]),
    result: [],
  },
  {
    ids: ['CVE-2026-59874'],
    of: 'node-tar',
    what: 'a negative size in base 256, at which a reader makes no progress',
    layers: () => [[x('a', { patch: (header) => void header.fill(0xff, 124, 136) }), x('b')]],
    result: 'refused',
  },
  {
    ids: ['CVE-2026-59875'],
    of: 'node-tar',
    what: 'NUL bytes in a PAX path and link path',
    layers: () => [
      [x('a', { pax: { path: 'a\0b' } })],
      [{ ...symlink('l', 't'), pax: { linkpath: 't\0u' } }],
    ],
    result: 'refused',
  },
  {
    ids: ['CVE-2022-48303', 'CVE-2019-9923'],
    of: 'GNU tar',
    what: 'numbers and extended headers that are malformed',
    layers: () => [
      [x('a', { patch: (header) => void header.write('\x80\x7f', 136, 'latin1') }), pax(Buffer.from('9999'))],
    ],
    result: 'refused',
  },
  {
    ids: ['CVE-2021-20291', 'GHSA-7qw8-847f-pggm'],
    of: 'containers/storage',
    what: 'a layer that is not a tar, on which a reader waits for ever',
    layers: () => [Buffer.from('not a tar'.repeat(200))],
    result: 'refused',
  },
  {
    ids: ['CVE-2017-14992'],
    of: 'docker',
    what: 'a gzip bomb behind the end of the tar',
    layers: () => [Buffer.concat([tar([{ name: 'a' }]), Buffer.alloc(20_000_000)])],
    result: ['a'],
  },
  {
    ids: ['CVE-2023-25153', 'GHSA-259w-8hf6-59c2', 'CVE-2020-1702'],
    of: 'containerd',
    what: 'a header that says that a document or name has gigabytes',
    layers: () => [[{ name: 'x', type: 'pax', content: '', size: 2 ** 32 }, x('a')]],
    result: 'refused',
  },
  {
    ids: ['CVE-2025-64329', 'CVE-2024-3727'],
    of: 'containerd',
    what: 'thousands of names for one file, in one layer',
    layers: () => [[x('a'), ...Array.from({ length: 2000 }, (_, at) => hardlink(`h${at}`, 'a'))]],
    result: 'contained',
  },
];
