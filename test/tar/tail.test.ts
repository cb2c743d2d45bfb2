/** The end of a tar is found while its bytes pass, where GNU tar, bsdtar and the TarReader find it. */
import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BadTar } from '../../src/tar/bad.js';
import { TarTail } from '../../src/tar/tail.js';
import { requires } from '../helpers/requires.js';
import { sparseFormats } from '../helpers/sparse.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

/** Sizes of chunks that meet blocks in all ways. */
const chunkSizes = [1, 511, 513, 4096, 100_000];

function tailOf(bytes: Buffer, chunkSize: number): number {
  const tail = new TarTail('x.tar');
  for (let at = 0; at < bytes.length; at += chunkSize) tail.push(bytes.subarray(at, at + chunkSize));
  return tail.bytes;
}

function expectEnd(t: ExecutionContext<unknown>, archive: Buffer, label: string): void {
  const padding = [...archive].reverse().findIndex((byte) => byte !== 0);
  const end = Math.ceil((archive.length - padding) / 512) * 512 + 1024;
  for (const after of [Buffer.alloc(0), Buffer.alloc(1536, 1)])
    for (const size of chunkSizes)
      t.is(tailOf(Buffer.concat([archive.subarray(0, end), after]), size), after.length, `${label} ${size}`);
}

const entries: Record<string, RawEntry[]> = {
  'files of all sizes': [0, 1, 511, 512, 513, 5000].map((size) => ({
    name: `f${size}`,
    content: 'x'.repeat(size),
  })),
  'blocks of zeros as content': [{ name: 'z', content: Buffer.alloc(4096) }, { name: 'last' }],
  'a header as content': [{ name: 'tar', content: tar([{ name: 'x', content: 'y' }]) }, { name: 'last' }],
  'long names, PAX': [{ name: 'n'.repeat(300), content: 'x' }, { name: 'last' }],
  'long names, GNU': [
    { name: `${'n'.repeat(300)}/`, format: 'gnu', type: '\0', size: 100 },
    { name: 'l', type: 'symlink', linkname: 'm'.repeat(300), format: 'gnu', size: 100 },
    { name: 'last' },
  ],
  'a size in a PAX record': [{ name: 'a', content: 'x'.repeat(600), size: 0, pax: { size: '600' } }],
  'types without content': [
    { name: 'd/', type: 'dir', size: 1024 },
    { name: 'h', type: 'hardlink', linkname: 'd', size: 1024 },
    { name: 'last' },
  ],
  ...Object.fromEntries(
    Object.entries(sparseFormats).map(([name, make]) => [
      `a sparse file, ${name}`,
      [make('s', 10 ** 6), { name: 'last' }],
    ]),
  ),
};

for (const [label, list] of Object.entries(entries)) test(label, (t) => expectEnd(t, tar(list), label));

for (const [program, options] of [
  ['tar', ['--sparse', '--format=gnu', '-b', '1']],
  ['tar', ['--sparse', '--format=posix', '-b', '1']],
  ['bsdtar', ['--format=pax']],
] as const)
  test(`${program} ${options.join(' ')}`, (t) => {
    if (!requires(t, program)) return;
    const dir = tmpdir(t);
    // an old GNU map of more than four stretches goes on in a block of its own
    for (let at = 0; at < 40; at++) {
      truncateSync(touched(join(dir, 'sparse')), (at + 1) * 200_000);
      writeFileSync(join(dir, 'sparse'), 'x'.repeat(4096), { flag: 'a' });
    }
    writeFileSync(join(dir, 'n'.repeat(200)), 'long');
    const archive = execFileSync(program, [...options, '-cf', '-', '-C', dir, '.'], { maxBuffer: 1e9 });
    const after = Buffer.alloc(512, 1);
    const end = archive.length - (archive.length % 512);
    const whole = tailOf(archive, 65_536);
    t.true(whole < 10_240);
    t.is(tailOf(Buffer.concat([archive.subarray(0, end), after]), 65_536), whole + 512);
  });

test('a malformed header, and a lone block of zeros', (t) => {
  const bad = tar([{ name: 'a' }, { name: 'b', badChecksum: true }]);
  t.throws(() => tailOf(bad, 512), { instanceOf: BadTar, message: /wrong checksum/ });
  const lone = Buffer.concat([tar([{ name: 'a' }], { trailer: false }), Buffer.alloc(512), tar([])]);
  t.is(tailOf(lone, 512), 512);
  const between = Buffer.concat([Buffer.alloc(512), tar([{ name: 'a' }])]);
  t.throws(() => tailOf(between, 512), { instanceOf: BadTar, message: /lone block/ });
  const huge = tar([{ name: 'x', type: 'pax', size: 2 ** 21 }]);
  t.throws(() => tailOf(huge, 512), { code: 'LIMIT_EXCEEDED' });
});

function touched(file: string): string {
  writeFileSync(file, '', { flag: 'a' });
  return file;
}
