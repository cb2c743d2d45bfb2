import { execFileSync } from 'node:child_process';
import { createHash, getHashes, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { walk } from 'mtree-ts';
import { tmpdir } from '../helpers/tmp.js';

/** Not exported: the package prefers the one of OpenSSL. */
const { Ripemd160 } = (await import(new URL('ripemd160.js', import.meta.resolve('mtree-ts')).href)) as {
  Ripemd160: new () => { update(bytes: Uint8Array): { digest(): string }; digest(): string };
};

const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70_000];

test('cksum is that of cksum(1), whatever the size', (t) => {
  const root = tmpdir(t);
  for (const size of [...sizes, 600_000]) writeFileSync(join(root, String(size)), randomBytes(size));
  for (const { path, keywords } of walk(root, { keywords: ['type', 'cksum'] }).entries.slice(1)) {
    const [sum] = execFileSync('cksum', [join(root, path)], { encoding: 'utf8' }).split(' ');
    t.is(keywords.get('cksum'), sum, path);
  }
});

test('digests are those of the coreutils', (t) => {
  const root = tmpdir(t);
  const file = join(root, 'file');
  writeFileSync(file, randomBytes(600_000));
  const entry = walk(root, {
    keywords: ['md5digest', 'sha1digest', 'sha256digest', 'sha384digest', 'sha512digest', 'sha512256digest'],
  }).get('file');
  for (const name of ['md5', 'sha1', 'sha256', 'sha384', 'sha512']) {
    t.is(
      entry?.get(`${name}digest`),
      execFileSync(`${name}sum`, [file], { encoding: 'utf8' }).split(' ')[0],
      name,
    );
  }
  t.regex(entry?.get('sha512256digest') ?? '', /^[0-9a-f]{64}$/);
});

test('our RIPEMD-160 has the digests of its authors', (t) => {
  const vectors: Record<string, string> = {
    '': '9c1185a5c5e9fc54612808977ee8f548b2258d31',
    a: '0bdc9d2d256b3ee9daae347be6f4dc835a467ffe',
    abc: '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc',
    'message digest': '5d0689ef49d2fae572b881b123a85ffa21595f36',
    [`${'1234567890'.repeat(8)}`]: '9b752e45573d4b39f4dbd3323cab82bf63326bfb',
  };
  for (const [message, digest] of Object.entries(vectors)) {
    t.is(new Ripemd160().update(Buffer.from(message)).digest(), digest, message);
  }
});

test('our RIPEMD-160 agrees with that of OpenSSL', (t) => {
  if (!getHashes().includes('ripemd160')) {
    t.log('SKIPPED: this OpenSSL has no RIPEMD-160');
    return t.pass();
  }
  for (const size of sizes) {
    const content = randomBytes(size);
    const ours = new Ripemd160();
    for (let at = 0; at < size; at += 37) ours.update(content.subarray(at, at + 37));
    t.is(ours.digest(), createHash('ripemd160').update(content).digest('hex'), String(size));
  }
});
