import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BlobFile } from '../../../src/layer/stream/blob-file.js';
import type { LayerSource } from '../../../src/layer/types.js';
import { tmpdir } from '../../helpers/tmp.js';

const digest = `sha256:${'0'.repeat(64)}`;
const source = (path: string, size = 3) => ({ path, digest, size }) as LayerSource;

test('a missing blob, and a FIFO in its place, are not found', (t) => {
  const dir = tmpdir(t);
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const path of [join(dir, 'missing'), join(fifo, 'blob'), fifo])
    t.throws(() => new BlobFile(source(path)), { code: 'BLOB_NOT_FOUND' }, path);
});

test('a blob that cannot be opened is reported with the reason', (t) => {
  const path = join(tmpdir(t), 'loop');
  symlinkSync('loop', path);
  const error = t.throws(() => new BlobFile(source(path)), { code: 'SYSTEM' });
  t.regex(error.message, /opening .*\/loop: .*\(ELOOP\)/);
});

test('a blob is read to its end, and its size is that of the descriptor', (t) => {
  const path = join(tmpdir(t), 'blob');
  writeFileSync(path, 'abc');
  t.throws(() => new BlobFile(source(path, 4)), { code: 'BLOB_SIZE' });
  const file = new BlobFile(source(path));
  const buffer = Buffer.alloc(8);
  t.is(file.read(buffer), 3);
  t.is(buffer.toString('latin1', 0, 3), 'abc');
  t.is(file.read(buffer), 0);
  file.close();
});
