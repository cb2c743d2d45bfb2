import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createLayout } from '../../src/image/layout.js';
import { layerhook, mainFile, run, succeed } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

/** Calls that change something, under the names that old and new versions of node use. */
const calls = ['mkdir', 'mkdirat', 'fsync', 'rename', 'renameat2'];

test('an init that is killed at any call can be repeated', async (t) => {
  if (!requires(t, 'strace')) return;
  const dir = tmpdir(t);
  const layout = join(dir, 'layout');
  let kills = 0;
  for (const call of calls)
    for (let nth = 1; ; nth++) {
      rmSync(layout, { recursive: true, force: true });
      const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`];
      const args = ['-f', '-qq', '-o', '/dev/null', ...inject, process.execPath, mainFile];
      const { status } = await run('strace', [...args, 'init', '--layout', layout]);
      if (status === 0) break;
      kills += 1;
      if (existsSync(join(layout, 'oci-layout'))) continue;
      await succeed(t, layerhook(['init', '--layout', layout]));
      t.deepEqual(readdirSync(layout).sort(), ['blobs', 'index.json', 'oci-layout'], `${call} ${nth}`);
      await succeed(t, layerhook(['new', '--image', `${layout}:x`]));
    }
  t.true(kills >= 5, `${kills}`);
});

test('a directory with anything else is not completed', (t) => {
  const refuses = (fill: (path: string) => void) => {
    const path = join(tmpdir(t), 'layout');
    mkdirSync(path);
    fill(path);
    const before = readdirSync(path);
    t.throws(() => createLayout(path), { code: 'LAYOUT_EXISTS' });
    t.deepEqual(readdirSync(path), before);
  };
  refuses((path) => writeFileSync(join(path, 'file'), ''));
  refuses((path) => writeFileSync(join(path, 'index.json'), '{}'));
  refuses((path) => writeFileSync(join(path, 'blobs'), ''));
  refuses((path) => mkdirSync(join(path, 'blobs/sha512'), { recursive: true }));
  refuses((path) => mkdirSync(join(path, 'blobs/sha256/sub'), { recursive: true }));
  refuses((path) => createLayout(join(path, 'inner')));
});
