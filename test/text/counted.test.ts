import test from 'ava';
import { counted } from '../../src/errors/counted.js';
import { overLimit } from '../../src/errors/limits.js';
import { filesDiffer } from '../../src/store/files-differ.js';
import { formatCounted } from '../../src/text/counted.js';

test('one is not a plural', (t) => {
  for (const [count, unit, text] of [
    [0, 'layers', '0 layers'],
    [1, 'layers', '1 layer'],
    [1, 'entries', '1 entry'],
    [1, 'committed snapshots', '1 committed snapshot'],
    [1234567, 'entries', '1,234,567 entries'],
  ] as const)
    t.is(formatCounted(count, unit), text);
  t.is(counted(1234567, 'bytes'), '1234567 bytes');
  t.regex(overLimit('unpacked', 'x', { unpacked: 1 }).message, /limit of 1 byte,/);
  t.is(filesDiffer(1), '1 file differs');
  t.is(filesDiffer(2), '2 files differ');
});
