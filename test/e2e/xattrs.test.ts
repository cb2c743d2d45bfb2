import { join } from 'node:path';
import { layerhook } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

/** No filesystem has these: user attributes of files without content, and an unknown namespace. */
const xattrs = { 'user.note': 'v', 'user.overlay.impure': 'y' };
const layer = [
  { name: 'f', content: 'x', xattrs: { 'user.note': 'v', 'unknown.note': 'v' } },
  { name: 'link', type: 'symlink', linkname: 'f', xattrs },
  { name: 'fifo', type: 'fifo', xattrs },
  { name: 'null', type: 'char', devMajor: 1, devMinor: 3, xattrs },
];

for (const driver of ['copy', 'overlay'])
  rootTest(`${driver}: attributes that cannot be set are warnings, and no changes to a repack`, async (t) => {
    const { reference, layout } = buildImage(t, [layer]);
    const bundle = join(tmpdir(t), 'bundle');
    const env = { LAYERHOOK_STORE: tmpdir(t) };
    const unpack = ['unpack', '--driver', driver, '--image', reference, bundle];
    const unpacked = await layerhook(unpack, { env });
    t.is(unpacked.status, 0, unpacked.stderr);
    const warnings = unpacked.stderr.trimEnd().split('\n');
    t.is(warnings.length, 2, unpacked.stderr);
    t.regex(warnings[0]!, /warning: f: unknown\.note is not set/);
    t.regex(warnings[1]!, /warning: link: user\.note is not set/);
    const repack = ['--verbose', 'repack', '--image', `${layout}:same`, bundle];
    const repacked = await layerhook(repack, { env });
    t.is(repacked.status, 0, repacked.stderr);
    t.regex(repacked.stdout + repacked.stderr, /changes=0 layer=none/);
    t.is((await layerhook(['bundle', 'rm', bundle], { env })).status, 0);
  });
