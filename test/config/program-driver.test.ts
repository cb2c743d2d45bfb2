import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { mountBundle, removeBundle, repack, unpack } from '../../src/index.js';
import { file } from '../../src/testing/entries.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { load, privateDir, script, write } from './helpers.js';

const log = 'echo "$1 $LAYERHOOK_STORE" >> "$(dirname "$0")/calls"; cat > /dev/null; exit 77';

test('[driver] with exec: the points, the environment and the time of a program', async (t) => {
  const dir = privateDir(t);
  const program = script(dir, 'mine', log);
  const points = '["bundle.ociv1.mount", "bundle.ociv1.umount"]';
  const text = `[driver]\nname = "mine"\nexec = ["${program}", "x"]\npoints = ${points}\nenv = ["A=b"]\ntimeout = 5\nstore = "/s"\n`;
  t.deepEqual((await load(dir, text))?.driver, {
    name: 'mine',
    options: { store: '/s' },
    program: {
      ...{ type: 'exec', argv: [program, 'x'], env: { A: 'b' }, timeout: 5 },
      points: ['bundle.ociv1.mount', 'bundle.ociv1.umount'],
    },
  });
  const all =
    (await load(dir, `[driver]\nname = "mine"\nexec = ["${program}"]\n`))?.driver?.program?.points ?? [];
  t.true(all.includes('unpack.ociv1.layer.try-skip') && all.includes('repack.ociv1.layer.delta-list'));
  t.false(all.some((point) => point.startsWith('snapshot') || point.startsWith('runtime')));
});

test('[driver] with exec: each mistake has its line', async (t) => {
  const dir = privateDir(t);
  const program = script(dir, 'mine', log);
  const wrong: [lines: string, line: number, reason: RegExp][] = [
    [`exec = ["${program}"]`, 1, /the driver is /],
    [`name = "mine"\nexec = ["${program}"]\nstroe = "/s"`, 4, /unknown key stroe.*store/],
    [`name = "./mine"\nexec = ["${program}"]`, 2, /the driver is "\.\/mine"/],
    [`name = "mine"\nexec = "${program}"`, 3, /exec is /],
    [`name = "mine"\nexec = ["mine"]`, 3, /not an absolute path/],
    [`name = "mine"\nexec = ["${dir}/none"]`, 3, /does not exist/],
    [`name = "mine"\nexec = ["${program}"]\npoints = ["bundle.ociv1.mont"]`, 4, /bundle\.ociv1\.mount/],
    [`name = "mine"\nexec = ["${program}"]\ntimeout = -1`, 4, /timeout is -1/],
  ];
  for (const [lines, line, reason] of wrong) {
    const error = await t.throwsAsync(load(dir, `[driver]\n${lines}\n`), { code: 'CONFIG_INVALID' }, lines);
    t.regex(`${error?.message}`, reason);
    t.regex(`${error?.message}`, new RegExp(`hooks\\.toml:${line}:`), lines);
  }
});

rootTest('a bundle records the name of a program, never the program', async (t) => {
  const dir = privateDir(t);
  const program = script(dir, 'mine', log);
  const hooksFile = write(dir, 'hooks.toml', `[driver]\nname = "mine"\nexec = ["${program}"]\n`);
  const store = join(dir, 'store');
  const image = buildImage(t, [[file('f', 'f')]]);
  const bundle = join(dir, 'bundle');
  await unpack({ image: image.reference, bundle, hooksFile, store });
  const record = join(bundle, 'layerhook.json');
  t.deepEqual(JSON.parse(readFileSync(record, 'utf8')).driver, { name: 'mine', options: { store } });
  const calls = () => readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n');
  t.true(calls().includes(`unpack.ociv1.layer.pre-extract ${store}`));

  // the operator's hooks.toml decides; a bundle that brings a program of its own does not
  const refused = { code: 'BUNDLE_DRIVER' };
  await t.throwsAsync(mountBundle({ bundle, hooksFile: null }), refused);
  const evil = script(dir, 'evil', 'touch "$(dirname "$0")/owned"');
  const planted = {
    name: 'mine',
    options: { store },
    program: { type: 'exec', argv: [evil], env: {}, points: ['bundle.ociv1.mount'] },
  };
  writeFileSync(record, JSON.stringify({ version: 1, driver: planted }));
  await t.throwsAsync(mountBundle({ bundle, hooksFile: null }), refused);
  await mountBundle({ bundle, hooksFile });
  t.true(calls().includes(`bundle.ociv1.mount ${store}`));
  t.throws(() => readFileSync(join(dir, 'owned')), { code: 'ENOENT' });

  writeFileSync(join(bundle, 'rootfs', 'new'), '');
  await repack({ image: `${image.layout}:new`, bundle, hooksFile });
  t.true(calls().includes(`repack.ociv1.layer.delta-list ${store}`));
  await removeBundle({ bundle, hooksFile });
  t.true(calls().includes(`bundle.ociv1.remove ${store}`));
});

rootTest(
  'a program is the driver that --driver names, and cannot take the name of a shipped one',
  async (t) => {
    const dir = privateDir(t);
    const program = script(dir, 'mine', log);
    const image = buildImage(t, [[file('f', 'f')]]);
    const named = (name: string) =>
      write(dir, 'hooks.toml', `[driver]\nname = "${name}"\nexec = ["${program}"]\n`);
    await unpack({
      image: image.reference,
      bundle: join(dir, 'b1'),
      hooksFile: named('mine'),
      driver: 'mine',
      store: '/s',
    });
    t.true(readFileSync(join(dir, 'calls'), 'utf8').includes('try-skip /s'));
    await t.throwsAsync(
      unpack({ image: image.reference, bundle: join(dir, 'b2'), hooksFile: named('copy') }),
      {
        code: 'DRIVER_NOT_FOUND',
        message: /layerhook ships a driver of this name/,
      },
    );
  },
);
