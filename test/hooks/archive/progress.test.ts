import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { copyTree } from '../../../src/engine/archive/copy-tree.js';
import { silentLogger } from '../../../src/system/logger.js';
import { play, runOnTerminal } from '../../cli/terminal.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { script, stopped } from './setup.js';

/** Enough to compress for more than a tenth of a second, after which progress shows. */
const size = 24_000_000;

rootTest('on a terminal, archives show bytes and files between the lines of the log', (t) => {
  if (!requires(t, 'script')) return;
  const box = stopped(t, (at) => writeFileSync(at('a'), ''));
  writeFileSync(join(box.merged, 'big'), randomBytes(size));
  const to = join(box.out, 'data.tar.gz');
  box.start({ data: { 'mount-point': '/data', 'archive-to': to, method: 'tar.gz' } });
  const state = join(tmpdir(t), 'state.json');
  writeFileSync(state, box.state);
  const output = runOnTerminal(100, script, ['--state-dir', join(tmpdir(t), 'records'), '<', state]);
  t.regex(output, /archiving \[.*?\] +\d+% {2}\d+\.\d MB {2}\d files?/);
  const { screen } = play(output);
  t.true(screen.length > 2);
  for (const line of screen) t.regex(line, /^time="[^"]+" level=info msg=/);
});

test('a copy reports its files and bytes as they come', async (t) => {
  const [from, to] = [tmpdir(t), tmpdir(t)];
  mkdirSync(join(from, 'directory'));
  writeFileSync(join(from, 'directory/big'), randomBytes(3_000_000));
  const fd = openSync(to, 'r');
  t.teardown(() => closeSync(fd));
  const seen: { bytes: number; entries: number }[] = [];
  const onProgress = ({ bytes, entries }: { bytes: number; entries: number }) =>
    seen.push({ bytes, entries });
  const { signal } = new AbortController();
  await copyTree(from, { fd, path: to }, { signal, log: silentLogger, onProgress });
  t.deepEqual(seen.at(-1), { bytes: 3_000_000, entries: 2 });
  t.true(seen.length > 3, 'a large file reports more than once');
});
