import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { walk } from 'mtree-ts';
import { tmpdir } from '../helpers/tmp.js';

const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70_000];

test('cksum equals that of cksum(1) for any size', (t) => {
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

test('ripemd160 is that of its authors', (t) => {
  const root = tmpdir(t);
  writeFileSync(join(root, 'file'), 'message digest');
  const entry = walk(root, { keywords: ['ripemd160digest'] }).get('file');
  t.is(entry?.get('ripemd160digest'), '5d0689ef49d2fae572b881b123a85ffa21595f36');
});
