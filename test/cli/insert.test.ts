import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

const layerhook = (...args: string[]) => runFile(mainFile, args);

function imageOf(t: ExecutionContext) {
  const image = buildImage(t, [
    [
      { name: 'etc/', type: 'dir' },
      { name: 'etc/old', content: 'old' },
    ],
  ]);
  const layers = (tag: string) => resolveReference(openLayout(image.layout), tag);
  return { ...image, resolve: layers };
}

test('insert adds, replaces and deletes; umoci unpacks the result', (t) => {
  if (!requires(t, 'root', 'umoci')) return;
  const image = imageOf(t);
  const file = join(tmpdir(t), 'file');
  writeFileSync(file, 'new');
  const args = ['insert', '--image', image.reference];
  t.deepEqual(layerhook(...args, '--tag', 'new', file, '/opt/file'), { status: 0, stdout: '', stderr: '' });
  const onNew = ['insert', '--image', `${image.layout}:new`];
  t.is(layerhook(...onNew, '--compress=none', '--no-history', '--whiteout', 'etc/old').status, 0);
  const { manifest, config } = image.resolve('new');
  t.deepEqual(
    manifest.layers.map(({ mediaType }) => mediaType.replace(/.*v1\./, '')),
    ['tar+gzip', 'tar+gzip', 'tar'],
  );
  t.deepEqual(
    config.history!.map(({ created_by }) => created_by),
    ['test', 'layerhook insert'],
  );
  t.is(image.resolve('latest').manifest.layers.length, 1);
  const bundle = join(tmpdir(t), 'bundle');
  execFileSync('umoci', ['unpack', '--image', `${image.layout}:new`, bundle]);
  const tree = execFileSync('find', ['-type', 'f'], { cwd: join(bundle, 'rootfs'), encoding: 'utf8' });
  t.is(tree, './opt/file\n');
});

test('under umoci’s name the history says umoci', (t) => {
  const image = imageOf(t);
  const link = join(tmpdir(t), 'umoci');
  symlinkSync(mainFile, link);
  const args = ['insert', '--image', image.reference, '--history.author', 'me', '--whiteout', '/etc/old'];
  t.is(runFile(link, args, { SOURCE_DATE_EPOCH: '1234567890' }).status, 0);
  t.like(image.resolve('latest').config.history!.at(-1), {
    created: '2009-02-13T23:31:30Z',
    created_by: 'umoci insert',
    author: 'me',
  });
});

test('wrong arguments change nothing', (t) => {
  const image = imageOf(t);
  for (const [args, message, exit = 2] of [
    [['x'], /expected <SOURCE> <TARGET>/],
    [['--whiteout', 'x', 'y'], /expected <TARGET>/],
    [['x', ''], /argument 2 is empty/],
    [['--compress=lzma', '/etc/hostname', 'x'], /unknown compression lzma/],
    [['/nonexistent', 'x'], /cannot read \/nonexistent: no such file or directory \(ENOENT\)/, 3],
  ] as [string[], RegExp, number?][]) {
    const { status, stderr } = layerhook('insert', '--image', image.reference, ...args);
    t.is(status, exit);
    t.regex(stderr, message);
  }
  t.is(image.resolve('latest').manifest.layers.length, 1);
});
