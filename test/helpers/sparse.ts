import type { RawEntry } from './tar.js';

/** Sparse files that consist of one hole of `size` bytes, in all formats that GNU tar writes. */
export const sparseFormats: Record<string, (name: string, size: number) => RawEntry> = {
  'PAX 1.0': (name, size) => ({
    name: `GNUSparseFile.0/${name}`,
    content: Buffer.alloc(512, 0).fill('0\n', 0, 2),
    pax: {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': name,
      'GNU.sparse.realsize': `${size}`,
    },
  }),
  'PAX 0.1': (name, size) => ({
    name: `GNUSparseFile.0/${name}`,
    pax: {
      'GNU.sparse.size': `${size}`,
      'GNU.sparse.numblocks': '1',
      'GNU.sparse.name': name,
      'GNU.sparse.map': `${size},0`,
    },
  }),
  'PAX 0.0': (name, size) => ({
    name,
    pax: {
      'GNU.sparse.size': `${size}`,
      'GNU.sparse.numblocks': '1',
      'GNU.sparse.offset': `${size}`,
      'GNU.sparse.numbytes': '0',
    },
  }),
  'old GNU': (name, size) => ({
    name,
    type: 'S',
    format: 'gnu',
    patch(header) {
      // base 256, which GNU tar uses for sizes above 8 GiB
      header[483] = 0x80;
      header.writeBigUInt64BE(BigInt(size), 487);
    },
  }),
};

export const sparseFile = sparseFormats['PAX 1.0']!;
