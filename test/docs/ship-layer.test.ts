import { chmodSync, cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unpack } from '../../src/index.js';
import { file } from '../../src/testing/entries.js';
import { tar } from '../../src/testing/tar.js';
import { privateDir, script, write } from '../config/helpers.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';

rootTest('ship-layer.sh ships each new layer once, and again if the program fails', async (t) => {
  if (!requires(t, 'jq')) return;
  const dir = privateDir(t);
  const hook = join(dir, 'ship-layer');
  cpSync('docs/examples/ship-layer.sh', hook);
  chmodSync(hook, 0o755);
  const receive = script(
    dir,
    'receive',
    '[ ! -e "$1/full" ] || exit 1; cat > "$1/$3"; echo "$2" >> "$1/words"',
  );
  const points = ['try-skip', 'pre-extract', 'post-extract'].map((point) => `"unpack.ociv1.layer.${point}"`);
  const exec = [hook, join(dir, 'record'), receive, dir, '-a "word"'].map((word) => JSON.stringify(word));
  const hooksFile = write(dir, 'hooks.toml', `[[hook]]\npoint = [${points}]\nexec = [${exec}]\n`);
  const layers = [tar([file('a', 'a')]), tar([file('b', 'b')])];
  let made = 0;
  const ship = (some: Buffer[]) => {
    const image = buildImage(t, some);
    const bundle = join(dir, `bundle-${made++}`);
    return unpack({ image: image.reference, bundle, hooksFile, mtree: 'never' });
  };
  const full = write(dir, 'full', '');
  await t.throwsAsync(ship(layers), { code: 'HOOK_FAILED' });
  rmSync(full);
  t.like(await ship(layers), { skipped: 0 });
  t.like(await ship([...layers, tar([file('c', 'c')])]), { skipped: 2 });
  const shipped = readdirSync(dir).filter((name) => name.startsWith('sha256:'));
  t.is(shipped.length, 3);
  t.true(shipped.some((name) => readFileSync(join(dir, name)).equals(layers[1]!)));
  t.is(readFileSync(join(dir, 'words'), 'utf8'), '-a "word"\n'.repeat(3));
});
