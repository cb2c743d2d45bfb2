import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { decodeEntry, encodeEntry } from '../../../src/layer/entries/json.js';
import { EntryFile } from '../../../src/layer/entries/list.js';
import type { CheckedEntry } from '../../../src/layer/types.js';
import { entriesOf } from '../../erofs/harness.js';
import { tar } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';

const end = '"type":"whiteout"}';
const entries = entriesOf(
  tar([
    { name: 'd/', type: 'dir' },
    { name: `d/${end}`, content: 'x', xattrs: { 'user.a': end } },
    { name: 'd/link', type: 'symlink', linkname: end },
    { name: 'd/.wh.gone' },
    { name: `d/.wh.\xff${end}` },
    { name: 'e/.wh..wh..opq' },
    // more than one piece of the file
    ...Array.from({ length: 3000 }, (_, at) => ({ name: `d/${'long '.repeat(20)}${at}`, content: '' })),
  ]),
);
/** what a line keeps of each */
const listed = entries.map((entry) => decodeEntry(encodeEntry(entry)));

async function gather(batches: ReturnType<EntryFile['batches']>): Promise<CheckedEntry[]> {
  const all: CheckedEntry[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

test('entries come one by one, in batches, and only the whiteouts, always in their order', async (t) => {
  const path = join(tmpdir(t), 'list');
  writeFileSync(path, entries.map((entry) => `${encodeEntry(entry)}\n`).join(''));
  const list = new EntryFile(path);
  const single: CheckedEntry[] = [];
  for await (const entry of list) single.push(entry);
  t.deepEqual(single, listed);
  t.deepEqual(await gather(list.batches()), listed);
  t.deepEqual(
    (await gather(list.batches('whiteouts'))).map(({ path, type }) => [path, type]),
    [
      ['d/gone', 'whiteout'],
      [`d/\xff${end}`, 'whiteout'],
      ['e', 'opaque'],
    ],
  );
});
