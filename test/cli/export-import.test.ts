import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { mixedLayers } from '../engine/image/layers.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, type Tree, treeOf } from '../helpers/tree.js';
import { dir, file } from '../layer/apply/harness.js';
import { runFile } from './run.js';

const layerhook = (...args: string[]) => runFile(mainFile, args);
const done = { status: 0, stdout: '', stderr: '' };

function umociTree(t: ExecutionContext, reference: string): Tree {
  const bundle = join(tmpdir(t), 'bundle');
  execFileSync('umoci', ['unpack', '--image', reference, bundle]);
  return treeOf(join(bundle, 'rootfs'));
}

function exported(t: ExecutionContext, reference: string): string {
  const out = join(tmpdir(t), 'rootfs.tar');
  t.deepEqual(layerhook('export', '--image', reference, '--output', out), done);
  return out;
}

const readers = [
  ['GNU tar', 'tar', ['--xattrs', '--xattrs-include=*', '--same-owner', '--numeric-owner', '-xpf']],
  ['bsdtar', 'bsdtar', ['--xattrs', '--numeric-owner', '-xpf']],
] as const;

for (const [name, program, args] of readers) {
  rootTest(`${name} extracts an export as umoci unpacks the image`, (t) => {
    if (!requires(t, 'umoci', program)) return;
    const { reference } = buildImage(t, mixedLayers);
    const into = tmpdir(t);
    execFileSync(program, [...args, exported(t, reference), '-C', into]);
    t.deepEqual(diffTrees(treeOf(into), umociTree(t, reference)), []);
  });
}

rootTest('an ordinary user extracts read-only directories', (t) => {
  if (!requires(t, 'tar', 'setpriv')) return;
  const { reference } = buildImage(t, [
    [
      dir('usr', { mode: 0o555 }),
      dir('usr/bin', { mode: 0o555 }),
      file('usr/bin/a', 'a'),
      file('usr-b', 'b'),
    ],
    [file('usr/bin/c', 'c'), dir('usr/empty', { mode: 0o500 })],
  ]);
  const into = tmpdir(t);
  chownSync(into, 65534, 65534);
  const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const input = readFileSync(exported(t, reference));
  execFileSync('setpriv', [...user, 'tar', '-xpf', '-', '-C', into], { input });
  const tree = treeOf(into);
  const shown = [...tree]
    .filter(([path]) => path !== '.')
    .map(([path, entry]) => [path, entry.mode, entry.mtime]);
  const time = '1000000000.000000000';
  t.deepEqual(shown, [
    ['usr', '0555', time],
    ['usr/bin', '0555', time],
    ['usr/bin/a', '0644', time],
    ['usr/bin/c', '0644', time],
    ['usr/empty', '0500', time],
    ['usr-b', '0644', time],
  ]);
});

rootTest('podman imports an export', (t) => {
  if (!requires(t, 'umoci', 'podman')) return;
  const { reference } = buildImage(t, mixedLayers);
  const out = exported(t, reference);
  const base = tmpdir(t);
  const podman = ['--root', join(base, 'root'), '--runroot', join(base, 'run'), '--storage-driver', 'vfs'];
  const run = (...args: string[]) =>
    execFileSync('podman', [...podman, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  run('import', '--quiet', out, 'exported');
  const mounted = run('image', 'mount', 'exported');
  try {
    // podman changes the root directory when it mounts the image
    const isTouched = (path: string, field: string) => path === '.' && field === 'mtime';
    t.deepEqual(diffTrees(treeOf(mounted), umociTree(t, reference), isTouched), []);
  } finally {
    run('image', 'umount', '--all');
    run('rmi', '--all', '--force');
  }
});

rootTest('an image that is exported and imported has the same files', (t) => {
  if (!requires(t, 'umoci')) return;
  const { layout, reference } = buildImage(t, mixedLayers);
  const args = ['import', '--image', `${layout}:imported`, exported(t, reference)];
  t.deepEqual(layerhook(...args), done);
  t.deepEqual(diffTrees(umociTree(t, `${layout}:imported`), umociTree(t, reference)), []);
});

test('the same image gives the same bytes, to a file and to standard output', (t) => {
  const images = (['gzip', 'none'] as const).map((compression) =>
    buildImage(t, mixedLayers, { compression }),
  );
  const [one, two] = images.map(({ reference }) => readFileSync(exported(t, reference)));
  t.deepEqual(one, two);
  const command = [mainFile, 'export', '--image', images[0]!.reference];
  t.deepEqual(spawnSync(process.execPath, command).stdout, one);
  t.deepEqual(spawnSync(process.execPath, [...command, '-o', '-']).stdout, one);
  const zipped = spawnSync(process.execPath, [...command, '--compress', 'gzip']);
  t.deepEqual(execFileSync('gzip', ['-dc'], { input: zipped.stdout }), one);
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1' };
  const old = spawnSync(process.execPath, command, { env }).stdout;
  t.not(old.toString('latin1'), one!.toString('latin1'));
  t.deepEqual(spawnSync(process.execPath, command, { env }).stdout, old);
});

test('an export appears whole or not at all, and replaces only regular files', (t) => {
  const image = buildImage(t, mixedLayers);
  const blob = image.blob(image.manifest.layers[2]!.digest);
  const whole = readFileSync(blob);
  const directory = tmpdir(t);
  const out = join(directory, 'rootfs.tar');
  writeFileSync(out, 'before');
  writeFileSync(blob, Buffer.from(whole).fill(1, 40));
  for (const args of [['-o', out], []]) {
    const { status, stdout, stderr } = layerhook('export', '--image', image.reference, ...args);
    t.is(status, 5);
    t.is(stdout, '');
    t.regex(stderr, /^layerhook: [^\n]+ is corrupt[^\n]+\n$/);
  }
  t.is(readFileSync(out, 'utf8'), 'before');
  writeFileSync(blob, whole);
  t.is(layerhook('export', '--image', image.reference, '-o', out).status, 0);
  t.true(statSync(out).size > 10_000);
  t.deepEqual(readdirSync(directory), ['rootfs.tar']);
  t.is(layerhook('export', '--image', image.reference, '-o', '/dev/null').status, 0);
  t.true(statSync('/dev/null').isCharacterDevice());
  const holes = layerhook('export', '--image', image.reference, '-o', out, '--max-holes', '10');
  t.regex(holes.stderr, /holes in sparse/);
  t.true(statSync(out).size > 10_000);
  const missing = layerhook('export', '--image', image.reference, '-o', join(directory, 'no/such/file'));
  t.regex(missing.stderr, /^layerhook: cannot write [^\n]+no\/such\/file: [^\n]+ENOENT[^\n]+\n$/);
  t.regex(layerhook('export', '--image', image.reference, '--compress', 'auto').stderr, /--compress auto/);
});

const rootfs = tar([dir('etc'), file('etc/x', 'x')]);

test('import takes plain and compressed tars, from a file or standard input', (t) => {
  const { layout } = buildImage(t, []);
  const directory = tmpdir(t);
  writeFileSync(join(directory, 'plain'), rootfs);
  writeFileSync(join(directory, 'gzip'), gzipSync(rootfs));
  const kinds = ['plain', 'gzip'];
  if (spawnSync('zstd', ['--version']).status === 0 && process.versions.node >= '22.15') {
    writeFileSync(join(directory, 'zstd'), execFileSync('zstd', ['-c'], { input: rootfs }));
    kinds.push('zstd');
  }
  const epoch = { SOURCE_DATE_EPOCH: '1234567890' };
  for (const kind of kinds) {
    const args = ['import', '--image', `${layout}:${kind}`, '--history.comment', kind];
    t.deepEqual(runFile(mainFile, [...args, join(directory, kind)], epoch), done);
    const { manifest, config } = resolveReference(openLayout(layout), kind);
    t.is(manifest.layers.length, 1);
    t.regex(manifest.layers[0]!.mediaType, /tar\+gzip$/);
    t.is(config.created, '2009-02-13T23:31:30Z');
    t.deepEqual(config.history, [
      { created: '2009-02-13T23:31:30Z', created_by: 'layerhook import', comment: kind },
    ]);
    t.is(config.os, 'linux');
  }
  const ids = kinds.map((kind) => resolveReference(openLayout(layout), kind).config.rootfs.diff_ids[0]);
  t.is(new Set(ids).size, 1);
  const args = [
    mainFile,
    'import',
    '--image',
    `${layout}:stdin`,
    '--platform',
    'linux/arm64/v8',
    '--no-history',
  ];
  t.is(
    spawnSync(process.execPath, [...args, '--compress', 'none', '-'], { input: gzipSync(rootfs) }).status,
    0,
  );
  const { config, manifest } = resolveReference(openLayout(layout), 'stdin');
  t.like(config, { os: 'linux', architecture: 'arm64', variant: 'v8', history: undefined });
  t.deepEqual(config.rootfs.diff_ids, [ids[0]!]);
  t.is(manifest.layers[0]?.digest, ids[0]);
});

test('import refuses what is not a root filesystem, and leaves the tag', (t) => {
  const { layout } = buildImage(t, [], { tag: 'taken' });
  const index = readFileSync(join(layout, 'index.json'));
  const directory = tmpdir(t);
  mkdirSync(join(directory, 'directory'));
  const cases: [name: string, content: Buffer | null, reason: RegExp, exit?: number][] = [
    ['text', Buffer.from('hello'), /text cannot become a layer: it does not begin with a tar header/],
    ['empty', Buffer.alloc(0), /empty cannot become a layer/],
    ['whiteout', tar([file('a/.wh.b')]), /a\/b cannot go into a layer: .*\.wh\./, 12],
    ['opaque', tar([file('a/.wh..wh..opq')]), /a cannot go into a layer: .*\.wh\./, 12],
    ['short', tar([file('a', 'x'.repeat(2000))]).subarray(0, 1024), /the tar ends inside an entry/],
    [
      'link',
      tar([{ name: 'a', type: 'hardlink', linkname: 'b' }]),
      /is a hardlink to b, which does not exist/,
    ],
    ['cut', gzipSync(rootfs).subarray(0, -10), /gzip stream is corrupt/],
    ['missing', null, /cannot read [^\n]*missing: [^\n]*ENOENT/, 3],
    ['directory', null, /cannot read [^\n]*directory: [^\n]*EISDIR/, 11],
  ];
  for (const [name, content, reason, exit = 5] of cases) {
    const path = join(directory, name);
    if (content !== null) writeFileSync(path, content);
    const { status, stdout, stderr } = layerhook('import', '--image', `${layout}:taken`, path);
    t.is(status, exit, name);
    t.is(stdout, '');
    t.regex(stderr, reason);
    t.is(stderr.split('\n').length, 2, stderr);
    t.deepEqual(readFileSync(join(layout, 'index.json')), index, name);
  }
});

test('import creates a missing layout', (t) => {
  const directory = tmpdir(t);
  const file = join(directory, 'rootfs.tar');
  writeFileSync(file, rootfs);
  mkdirSync(join(directory, 'empty'));
  for (const name of ['new', 'empty', 'some/where', 'oci-archive:layout.tar']) {
    const layout = name.replace(/^(oci-archive:|)/, `$1${directory}/`);
    for (const tag of ['one', 'two'])
      t.deepEqual(layerhook('import', '--image', `${layout}:${tag}`, file), done);
    const { manifests } = openLayout(layout).readIndex();
    t.is(manifests.length, 2, name);
    t.is(resolveReference(openLayout(layout), 'two').manifest.layers.length, 1);
  }
  const { status, stderr } = layerhook('import', '--image', `${file}:a`, file);
  t.not(status, 0);
  t.regex(stderr, /rootfs\.tar[^\n]+not a directory/);
});
