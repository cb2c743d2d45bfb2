import fc from '../helpers/properties.js';
import { type RawEntry, tar } from '../helpers/tar.js';

/** Archives as hostile hands might make them: well-formed ones, of all kinds of entries, with blows dealt to them. */

const name = fc.oneof(
  fc.constantFrom(
    'a',
    'dir/b',
    './c',
    'd/',
    'caf\xe9',
    'x'.repeat(100),
    'l'.repeat(180),
    `p/${'q'.repeat(99)}`,
  ),
  fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
    minLength: 1,
    maxLength: 120,
  }),
);

const entry: fc.Arbitrary<RawEntry> = fc
  .record({
    name,
    type: fc.constantFrom(
      'file',
      'file',
      'file',
      'dir',
      'symlink',
      'hardlink',
      'fifo',
      'char',
      '\0',
      '7',
      'S',
    ),
    content: fc.uint8Array({ maxLength: 1200 }),
    linkname: fc.constantFrom('', 'target', 't'.repeat(150)),
    uid: fc.constantFrom(0, 1000, 2 ** 21, 2 ** 32 - 2),
    mtime: fc.constantFrom(0, 1.5, 1_700_000_000, -1),
    format: fc.constantFrom('pax' as const, 'gnu' as const),
    xattrs: fc.constantFrom({}, {}, { 'user.x': '\0\n=' }),
    pax: fc.constantFrom({}, {}, {}, { comment: 'hm' }, { size: '600' }, { path: 'renamed' }, { mtime: '' }),
  })
  .map((made) => (made.type === 'file' || made.type === '\0' ? made : { ...made, content: '' }));

type Blow = (archive: Buffer) => Buffer;

const position = fc.nat({ max: 1 << 20 });

/** Header fields are where it hurts; offsets and lengths of those that are worth hitting. */
const fields = fc.constantFrom(
  [0, 100],
  [100, 8],
  [108, 8],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 8],
  [345, 155],
);

const interesting = fc.oneof(
  fc.constantFrom('\0', '/', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', '\x80\0\0\0\0\0\0\x10'),
  fc.constantFrom(
    '77777777777',
    '00000001000\0',
    '        ',
    '-1',
    '9',
    'x',
    'g',
    'L',
    'K',
    'S',
    '1',
    '5',
    'V',
    'ustar\0',
  ),
);

const blow: fc.Arbitrary<Blow> = fc.oneof(
  // a field of a header, whose checksum is then right again
  fc.tuple(position, fields, interesting).map(
    ([at, [offset, length], value]): Blow =>
      (archive) => {
        const block = blockAt(archive, at);
        if (block.length === 512) block.write(value, offset!, Math.min(value.length, length!), 'latin1');
        return fixChecksum(archive, block);
      },
  ),
  // any byte, seen or unseen by the checksum
  fc.tuple(position, fc.nat({ max: 255 }), fc.boolean()).map(
    ([at, value, fix]): Blow =>
      (archive) => {
        if (archive.length > 0) archive[at % archive.length] = value;
        return fix ? fixChecksum(archive, blockAt(archive, at >> 9)) : archive;
      },
  ),
  position.map(
    (at): Blow =>
      (archive) =>
        archive.subarray(0, at % (archive.length + 1)),
  ),
  fc.tuple(position, position).map(
    ([from, to]): Blow =>
      (archive) => {
        return Buffer.concat([
          archive.subarray(0, (to % 8) * 512),
          blockAt(archive, from),
          archive.subarray((to % 8) * 512),
        ]);
      },
  ),
  position.map(
    (at): Blow =>
      (archive) => {
        return Buffer.concat([archive.subarray(0, (at % 8) * 512), archive.subarray((at % 8) * 512 + 512)]);
      },
  ),
);

/** Whole archives of some entries. */
export const soundArchive = fc.array(entry, { minLength: 1, maxLength: 5 }).map((entries) => tar(entries));

/** Archives that have been hit a few times. */
export const mutatedArchive = fc
  .tuple(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.array(blow, { minLength: 1, maxLength: 4 }))
  .map(([entries, blows]) => blows.reduce((archive, hit) => hit(archive), tar(entries)));

function blockAt(archive: Buffer, at: number): Buffer {
  const blocks = Math.max(1, archive.length >> 9);
  return archive.subarray((at % blocks) * 512, (at % blocks) * 512 + 512);
}

/** Makes the checksum right if the block looks like a header. */
function fixChecksum(archive: Buffer, block: Buffer): Buffer {
  if (block.length < 512 || !/^[0-7 ]/.test(block.toString('latin1', 148, 149))) return archive;
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return archive;
}
