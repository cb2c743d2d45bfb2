import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { mainFile } from '../helpers/cli.js';
import { errorLine } from '../helpers/error-line.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';
import { runFile } from './run.js';

const raw = (...args: string[]) => runFile(mainFile, ['raw', ...args]);
const done = { status: 0, stdout: '', stderr: '' };

const layers = [
  [
    { name: 'etc/', type: 'dir' as const, mode: 0o750 },
    { name: 'etc/passwd', content: 'web:x:33:34::/var/www:\n' },
    { name: 'etc/old', content: 'old' },
  ],
  [{ name: 'etc/.wh.old' }, { name: 'etc/new', content: 'new', mode: 0o4755 }],
];

function makeTar(t: ExecutionContext): string {
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'tree'));
  writeFileSync(join(dir, 'tree/file'), 'content');
  execFileSync('tar', ['-cf', join(dir, 'layer.tar'), '-C', join(dir, 'tree'), '.']);
  return join(dir, 'layer.tar');
}

rootTest('raw unpack makes the rootfs of umoci’s bundle, and no bundle', (t) => {
  if (!requires(t, 'umoci')) return;
  const { reference } = buildImage(t, layers);
  const dir = tmpdir(t);
  t.deepEqual(raw('unpack', '--image', reference, join(dir, 'deep/rootfs')), done);
  execFileSync('umoci', ['unpack', '--image', reference, join(dir, 'bundle')]);
  t.deepEqual(diffTrees(treeOf(join(dir, 'deep/rootfs')), treeOf(join(dir, 'bundle/rootfs'))), []);
  t.deepEqual(readdirSync(join(dir, 'deep')), ['rootfs']);
});

rootTest('raw unpack takes an empty directory, and refuses others', (t) => {
  const { reference } = buildImage(t, layers);
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'empty'));
  t.deepEqual(raw('unpack', '--image', reference, join(dir, 'empty')), done);
  const full = raw('unpack', '--image', reference, join(dir, 'empty'));
  t.is(full.status, 2);
  t.regex(full.stderr, /empty cannot be used as a directory: it has etc[^\n]*\n$/);
  writeFileSync(join(dir, 'file'), '');
  t.regex(raw('unpack', '--image', reference, join(dir, 'file')).stderr, /file cannot be used [^\n]*\n$/);
  t.deepEqual(readdirSync(dir).sort(), ['empty', 'file']);
});

rootTest('raw unpack of a damaged layer leaves nothing', (t) => {
  const image = buildImage(t, layers);
  const { digest } = resolveReference(openLayout(image.layout), 'latest').manifest.layers[1]!;
  const blob = join(image.layout, 'blobs', digest.replace(':', '/'));
  writeFileSync(blob, Buffer.concat([readFileSync(blob).subarray(0, -1), Buffer.from('x')]));
  const dir = tmpdir(t);
  const { status, stderr } = raw('unpack', '--image', image.reference, join(dir, 'rootfs'));
  t.is(status, 5);
  t.regex(stderr, /^layerhook: [^\n]+\n$/);
  t.deepEqual(readdirSync(dir), []);
});

rootTest('raw runtime-config writes the config.json of umoci’s bundle', (t) => {
  if (!requires(t, 'umoci')) return;
  const { reference } = buildImage(t, layers, { config: { User: 'web', Cmd: ['/bin/true'] } });
  const dir = tmpdir(t);
  t.is(raw('unpack', '--image', reference, join(dir, 'rootfs')).status, 0);
  const file = join(dir, 'config.json');
  const args = ['--image', reference, '--rootfs', join(dir, 'rootfs')];
  t.deepEqual(raw('runtime-config', ...args, file), done);
  execFileSync('umoci', ['unpack', '--image', reference, join(dir, 'bundle')]);
  const own = JSON.parse(readFileSync(file, 'utf8'));
  const theirs = JSON.parse(readFileSync(join(dir, 'bundle/config.json'), 'utf8'));
  t.deepEqual([own.process.user, own.process.args], [theirs.process.user, theirs.process.args]);
  t.is(raw('config', ...args, '-').stdout, readFileSync(file, 'utf8'));
});

test('raw runtime-config without a rootfs: a user by name becomes root, with a warning', (t) => {
  const { reference } = buildImage(t, layers, { config: { User: 'web' } });
  const { status, stdout, stderr } = raw('runtime-config', '--image', reference, '-');
  t.is(status, 0);
  t.deepEqual(JSON.parse(stdout).process.user, { uid: 0, gid: 0 });
  t.regex(stderr, /user "web" cannot be looked up without a root filesystem/);
  const numbers = buildImage(t, layers, { config: { User: '7:8' } });
  t.deepEqual(JSON.parse(raw('config', '--image', numbers.reference, '-').stdout).process.user, {
    ...{ uid: 7, gid: 8 },
  });
});

for (const compress of ['gzip', 'none', 'zstd']) {
  test(`raw add-layer adds the bytes of the tar, with ${compress}`, (t) => {
    if (!requires(t, 'tar')) return;
    const { layout, reference } = buildImage(t, layers);
    const tar = makeTar(t);
    const args = ['--image', reference, '--tag', 'new', '--compress', compress];
    const added = raw('add-layer', ...args, tar);
    if (compress === 'zstd' && /zstd is not available/.test(added.stderr)) return t.is(added.status, 10);
    t.deepEqual(added, done);
    const { manifest, config } = resolveReference(openLayout(layout), 'new');
    const sum = execFileSync('sha256sum', [tar], { encoding: 'utf8' }).slice(0, 64);
    t.is(config.rootfs.diff_ids.at(-1), `sha256:${sum}`);
    t.is(manifest.layers.length, 3);
    t.is(config.history?.at(-1)?.created_by, 'layerhook raw add-layer');
    return undefined;
  });
}

test('without zstd, raw add-layer says how to get it', (t) => {
  const { reference } = buildImage(t, layers);
  const [tar, lacking] = [join(tmpdir(t), 'a.tar'), tmpdir(t)];
  writeFileSync(tar, Buffer.alloc(1024));
  // the dynamic loader stops at a library that it cannot load
  writeFileSync(join(lacking, 'libzstd.so.1'), '');
  writeFileSync(join(lacking, 'node.cjs'), "delete require('node:zlib').createZstdDecompress;");
  const args = ['raw', 'add-layer', '--image', reference, '--compress', 'zstd', tar];
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--require', join(lacking, 'node.cjs'), mainFile, ...args],
    { encoding: 'utf8', env: { ...process.env, LD_LIBRARY_PATH: lacking } },
  );
  t.is(status, 10, stderr);
  t.regex(stderr, errorLine('COMPRESSION_UNAVAILABLE'));
  t.regex(stderr, /zstd is not available: node .* does not support it, and .*install libzstd/);
});

test('raw add-layer reads standard input', (t) => {
  if (!requires(t, 'tar')) return;
  const { layout, reference } = buildImage(t, layers);
  const input = readFileSync(makeTar(t));
  const args = [mainFile, 'raw', 'add-layer', '--image', reference, '-'];
  t.is(spawnSync(process.execPath, args, { input }).status, 0);
  t.is(resolveReference(openLayout(layout), 'latest').manifest.layers.length, 3);
});

test('raw add-layer refuses what is not an uncompressed tar, and changes nothing', (t) => {
  if (!requires(t, 'tar', 'gzip')) return;
  const { layout, reference } = buildImage(t, layers);
  const before = readFileSync(join(layout, 'index.json'), 'utf8');
  const tar = makeTar(t);
  execFileSync('gzip', ['-k', tar]);
  const other = join(tmpdir(t), 'other');
  writeFileSync(other, 'x'.repeat(1000));
  const short = join(tmpdir(t), 'short');
  writeFileSync(short, 'x');
  for (const [file, reason, exit] of [
    [`${tar}.gz`, /cannot become a layer: it is compressed \(gzip\)/, 5],
    [other, /cannot become a layer: it does not begin with a tar header/, 5],
    [short, /cannot become a layer: it does not begin with a tar header/, 5],
    [join(layout, 'missing'), /no such file/, 3],
    [layout, /illegal operation on a directory/, 11],
  ] as const) {
    const { status, stderr } = raw('add-layer', '--image', reference, file);
    t.is(status, exit, file);
    t.regex(stderr, reason);
    t.is(stderr.trimEnd().split('\n').length, 1);
  }
  t.is(readFileSync(join(layout, 'index.json'), 'utf8'), before);
  t.true(existsSync(tar));
});
