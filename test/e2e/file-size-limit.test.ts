/** A limit on the size of files: it is a fault of the machine, and no layer is called malformed for it. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Finished, mainFile, run } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

const layer = [{ name: 'd/a', content: 'x'.repeat(300_000) }];

/** Runs layerhook with files of at most 100 kB, and returns its one line. */
function limited(args: string[], input = '/dev/null'): Promise<Finished> {
  const command = ['sh', '-c', 'exec "$@" <"$0"', input, process.execPath, mainFile, ...args];
  return run('prlimit', ['--fsize=102400', ...command], {
    env: { XDG_CONFIG_HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' },
  });
}

const expected =
  /^layerhook: [^\n]*(d\/a|layer\.erofs)[^\n]*: file too large \(EFBIG\); raise the limit on file sizes \(ulimit -f\)[^\n]*\n$/;

for (const driver of ['copy', 'overlay', 'erofs'])
  test(`unpack --driver ${driver}`, async (t) => {
    if (!requires(t, 'root', 'prlimit')) return;
    const dir = tmpdir(t);
    const { reference } = buildImage(t, [layer]);
    const store = ['--store', join(dir, 'store')];
    const { status, stderr } = await limited([
      'unpack',
      ...['--driver', driver, ...store],
      ...['--image', reference, join(dir, 'a/b')],
    ]);
    t.is(status, 11, stderr);
    t.regex(stderr, expected);
    t.false(existsSync(join(dir, 'a')));
  });

test('raw overlay-tar', async (t) => {
  if (!requires(t, 'root', 'prlimit')) return;
  const dir = tmpdir(t);
  const file = join(dir, 'layer.tar');
  writeFileSync(file, tar(layer));
  const { status, stderr } = await limited(['raw', 'overlay-tar', '--scratch', dir], file);
  t.is(status, 11, stderr);
  t.regex(stderr, expected);
  t.deepEqual(readdirSync(dir), ['layer.tar']);
});
