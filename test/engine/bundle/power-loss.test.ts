/** Bundles whose rootfs was not on disk when the machine lost its power. */
import {
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { buildImage } from '../../helpers/image.js';
import { poweredDisk } from '../../helpers/power.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { keepTimes } from '../../helpers/times.js';
import { tmpdir } from '../../helpers/tmp.js';

const config = { hooksFile: null } as const;

/** Makes a bundle one of an earlier boot. */
function reboot(bundle: string): void {
  const file = join(bundle, 'layerhook.json');
  const own = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...own, boot: own.boot && 'before' }));
}

const bootOf = (bundle: string) => JSON.parse(readFileSync(join(bundle, 'layerhook.json'), 'utf8')).boot;

async function unpacked(t: ExecutionContext) {
  const layers = [
    [
      { name: 'd', type: 'dir' as const },
      ...['d/a', 'd/b', 'd/c'].map((name) => ({ name, content: `the content of ${name}` })),
    ],
  ];
  const image = buildImage(t, layers).reference;
  const bundle = join(tmpdir(t), 'bundle');
  await unpack({ image, bundle, ...config });
  const at = (name: string) => join(bundle, 'rootfs', name);
  return {
    image,
    bundle,
    at,
    repack: (tag: string) => repack({ image: `${image}-${tag}`, bundle, ...config }),
  };
}

const losses: [title: string, lose: (at: (name: string) => string) => void][] = [
  ['a file is empty', (at) => keepTimes(at('d/a'), () => truncateSync(at('d/a')))],
  ['a file has zeros', (at) => keepTimes(at('d/b'), () => writeFileSync(at('d/b'), Buffer.alloc(18)))],
  ['a file is missing', (at) => keepTimes(at('d'), () => unlinkSync(at('d/c')))],
  ['a directory is missing', (at) => keepTimes(at('.'), () => rmSync(at('d'), { recursive: true }))],
];

for (const [title, lose] of losses)
  rootTest(`repack refuses a bundle of an earlier boot in which ${title}`, async (t) => {
    const { bundle, at, ...here } = await unpacked(t);
    lose(at);
    reboot(bundle);
    const lost = { code: 'BUNDLE_DAMAGED', message: /a power loss damaged rootfs\/d/ };
    await t.throwsAsync(here.repack('lost'), lost);
    await t.throwsAsync(here.repack('lost'), lost);
  });

rootTest('changes after the unpack are found, and the rootfs is read once', async (t) => {
  const { bundle, at, ...here } = await unpacked(t);
  t.is(typeof bootOf(bundle), 'string');
  writeFileSync(at('d/a'), 'changed');
  unlinkSync(at('d/b'));
  writeFileSync(at('d/new'), '');
  reboot(bundle);
  // the directory, the three files
  t.like(await here.repack('one'), { changes: 4 });
  t.is(bootOf(bundle), undefined);
  keepTimes(at('d/c'), () => truncateSync(at('d/c')));
  t.like(await here.repack('two'), { changes: 5 });
});

rootTest('a touched file is a change of the user', async (t) => {
  const { bundle, at, ...here } = await unpacked(t);
  truncateSync(at('d/a'));
  keepTimes(at('d/b'), () => truncateSync(at('d/b')));
  reboot(bundle);
  await t.throwsAsync(here.repack('lost'), { message: /damaged rootfs\/d\/b:/ });
  utimesSync(at('d/b'), 1, 1);
  t.like(await here.repack('touched'), { changes: 2 });
});

rootTest('a file system that goes down right after the unpack', async (t) => {
  if (!requires(t, 'mount', 'mkfs.xfs')) return;
  const disk = poweredDisk(t, 'xfs');
  const files = Array.from({ length: 50 }, (_, at) => ({ name: `f${at}`, content: Buffer.alloc(5000, 'x') }));
  const image = buildImage(t, [files]).reference;
  const bundle = join(disk.root, 'b');
  await unpack({ image, bundle, ...config });
  disk.losePower('log');
  t.true(existsSync(join(bundle, 'umoci.json')));
  t.is(statSync(join(bundle, 'rootfs/f1')).size, 0);
  reboot(bundle);
  const failure = { code: 'BUNDLE_DAMAGED', message: /damaged rootfs\/f0 and 49 more/ };
  await t.throwsAsync(repack({ image: `${image}-new`, bundle, ...config }), failure);
});
