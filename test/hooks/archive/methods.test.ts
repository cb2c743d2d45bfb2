import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unpack } from '../../../src/index.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { sh } from '../../overlay/mounted.js';
import { type Stopped, stopped } from './setup.js';

/** What the image has at /data. */
const base = `
  echo a > a; echo gone > gone; echo same > same; ln -s a link
  mkdir -p d/e o; echo b > d/b; echo c > o/c; echo f > d/e/f`;
/** What the container does with it: every kind of file and of change. */
const change = `
  rm -r gone link d/e; rm -r o; mkdir o; echo x > o/x; chown 5:6 d/b; chmod 4751 a; touch same
  echo n > new; ln new new2; chmod 600 new; ln -s /etc/passwd outside; ln -s nowhere link; mkfifo fifo
  mkdir -m 1770 sticky; setfattr -n user.k -v v new; truncate -s 8M sparse; mknod null c 1 3
  printf tail | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
  touch -d '2001-02-03 04:05:06.789012345' new o/x; touch -h -d '2002-02-02 02:02:02.5' outside`;

function changed(t: ExecutionContext<unknown>, options: Parameters<typeof stopped>[2] = {}): Stopped {
  const container = stopped(t, (at) => sh(at('.'), base), options);
  sh(container.merged, change);
  return container;
}

const needs = ['root', 'setfattr', 'tar', 'zstd'];

test('copy is exact, with whiteouts, opaque directories, links, holes and times', (t) => {
  if (!requires(t, ...needs)) return;
  const { stop, upper, upperdir, out, records } = changed(t);
  const [copy, success] = [join(out, 'deep/copy'), join(out, 'ok')];
  const wanted = { data: { 'mount-point': '/data', 'archive-to': copy, success } };
  const { status, log } = stop(wanted);
  t.is(status, 0, log);
  t.deepEqual(diffTrees(treeOf(upperdir), treeOf(copy)), []);
  t.is(lstatSync(join(copy, 'gone')).rdev, 0);
  t.true(statSync(join(copy, 'sparse')).blocks <= statSync(upper('sparse')).blocks);
  t.is(readFileSync(success, 'utf8'), '');
  t.deepEqual(readdirSync(join(out, 'deep')), ['copy']);
  const [archive] = Object.values(records()[0]!.archives);
  t.like(archive, { status: 'done', tries: 1, entries: treeOf(upperdir).size - 1 });
});

for (const [method, compress] of [
  ['tar', []],
  ['tar.gz', ['-z']],
  ['tar.zst', ['--zstd']],
] as const) {
  test(`${method} has the upperdir under names ./…, and GNU tar extracts the same tree`, (t) => {
    if (!requires(t, ...needs)) return;
    const { stop, upperdir, out } = changed(t);
    const file = join(out, 'data');
    const { status, log } = stop({ data: { 'mount-point': '/data/', 'archive-to': file, method } });
    t.is(status, 0, log);
    const names = execFileSync('tar', [...compress, '-tf', file], { encoding: 'utf8' })
      .trim()
      .split('\n');
    t.is(names[0], './');
    t.true(names.every((name) => name.startsWith('./')));
    t.true(names.includes('./sticky/'));
    const extracted = tmpdir(t);
    execFileSync('tar', [...compress, '--xattrs', '--xattrs-include=*', '-xpf', file, '-C', extracted]);
    const [is, was] = [treeOf(extracted), treeOf(upperdir)];
    // one inode is all whiteouts of an overlay, but in a tar each is a device
    for (const entry of was.values()) if (entry.device === '0,0') delete entry.links;
    t.deepEqual(diffTrees(was, is), []);
  });
}

test('tar-content-owner: a uid alone leaves the group', (t) => {
  if (!requires(t, ...needs)) return;
  const { stop, out } = changed(t);
  const archive = (name: string, owner: string) => ({
    ...{ 'mount-point': '/data', 'archive-to': join(out, name), method: 'tar', 'tar-content-owner': owner },
  });
  t.is(
    stop({ one: archive('one', '2000'), two: archive('two', '3000000:7'), bad: archive('bad', '-1') }).status,
    0,
  );
  const owners = (name: string) =>
    new Set(
      execFileSync('tar', ['--numeric-owner', '-tvf', join(out, name)], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/)[1]),
    );
  t.deepEqual(owners('one'), new Set(['2000/0', '2000/6']));
  t.deepEqual(owners('two'), new Set(['3000000/7']));
  t.deepEqual(owners('bad'), new Set(['0/0', '5/6']));
});

test('whiteout=oci: deletions as .wh. files, and no attribute of overlayfs', (t) => {
  if (!requires(t, ...needs)) return;
  const { stop, out } = changed(t);
  const file = join(out, 'data.tar');
  const wanted = { 'mount-point': '/data', 'archive-to': file, method: 'tar', whiteout: 'oci' };
  t.is(stop({ data: wanted }).status, 0);
  const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
  t.deepEqual(
    names.filter((name) => name.includes('.wh.')),
    ['./.wh.gone', './d/.wh.e', './o/.wh..wh..opq'],
  );
  t.false(names.includes('./gone'));
  t.false(readFileSync(file).includes('trusted.overlay'));
  t.true(readFileSync(file).includes('SCHILY.xattr.user.k=v'));
});

for (const [title, options, more] of [
  ['', {}, ''],
  [
    ', with directories renamed and files of metadata alone',
    { options: 'redirect_dir=on,metacopy=on' },
    'mv d moved; chmod 640 moved/b same',
  ],
  [', of an overlay of a user', { options: 'userxattr', format: 'user' }, ''],
] as const) {
  test(`oci: the image unpacks to what the container saw${title}`, async (t) => {
    if (!requires(t, ...needs)) return;
    const container = changed(t, options);
    const { merged, stop, again, lowerdirs } = container;
    sh(merged, more);
    const { layout } = imageOf(t, lowerdirs[0]!);
    const archive = { 'mount-point': '/data', 'archive-to': `${layout}:latest`, method: 'oci' };
    const { status, log } = stop({ data: archive });
    t.is(status, 0, log);
    const bundle = join(tmpdir(t), 'bundle');
    await unpack({ image: `${layout}:latest`, bundle, driver: 'copy', hooksFile: null });
    const [now, image] = [treeOf(merged), treeOf(join(bundle, 'rootfs'))];
    for (const tree of [now, image])
      for (const entry of tree.values()) entry.mtime = entry.mtime.replace(/\.\d+/, '');
    // the upperdir's own, which the engine made
    for (const tree of [now, image]) tree.get('.')!.mtime = '';
    t.deepEqual(diffTrees(now, image), []);
    const tags = () => readFileSync(join(layout, 'index.json'), 'utf8');
    const once = tags();
    t.is(again().status, 0);
    t.is(tags(), once);
  });
}

test('a layer is appended once, also if that could not be recorded', (t) => {
  if (!requires(t, ...needs)) return;
  const { stop, again, lowerdirs, bundle } = changed(t);
  const { layout } = imageOf(t, lowerdirs[0]!);
  stop({ data: { 'mount-point': '/data', 'archive-to': `${layout}:latest`, method: 'oci' } });
  const once = readFileSync(join(layout, 'index.json'), 'utf8');
  rmSync(join(bundle, '../state'), { recursive: true });
  const { status, log } = again();
  t.is(status, 0);
  t.regex(log, /has this archive already/);
  t.is(readFileSync(join(layout, 'index.json'), 'utf8'), once);
});

test('a container without changes: an empty copy, a tar of the root, and an unchanged image', (t) => {
  if (!requires(t, ...needs)) return;
  const { stop, out, lowerdirs } = stopped(t, (at) => sh(at('.'), base));
  const { layout } = imageOf(t, lowerdirs[0]!);
  const before = readFileSync(join(layout, 'index.json'), 'utf8');
  const archive = (method: string, to: string) => ({ 'mount-point': '/data', 'archive-to': to, method });
  const { status, log } = stop({
    ...{ copy: archive('copy', join(out, 'copy')), tar: archive('tar', join(out, 'tar')) },
    image: archive('oci', `${layout}:latest`),
  });
  t.is(status, 0, log);
  t.deepEqual(readdirSync(join(out, 'copy')), []);
  t.is(execFileSync('tar', ['-tf', join(out, 'tar')], { encoding: 'utf8' }), './\n');
  t.is(readFileSync(join(layout, 'index.json'), 'utf8'), before);
  t.regex(log, /nothing changed/);
});

test('a hook of hooks.toml may archive instead, and sees the request', (t) => {
  if (!requires(t, ...needs)) return;
  const { stop, out, bundle, upperdir, lowerdirs } = changed(t);
  const [seen, hook, hooks] = ['seen', 'hook', 'hooks.toml'].map((name) => join(out, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(hook, `#!/bin/sh\ncat > ${seen}\necho '{"archived": "/elsewhere"}'\n`, { mode: 0o755 });
  const point = 'runtime.ociv1.container.poststop-archive';
  writeFileSync(hooks, `[[hook]]\npoint = "${point}"\nexec = ["${hook}"]\n`);
  const archive = { 'mount-point': '/data', 'archive-to': join(out, 'data'), method: 'tar.gz' };
  const { status, log } = stop({ data: archive }, '--hooks', hooks);
  t.is(status, 0, log);
  t.regex(log, /Archived data to \/elsewhere/);
  t.false(existsSync(join(out, 'data')));
  t.like(JSON.parse(readFileSync(seen, 'utf8')), {
    ...{ name: 'data', mountPoint: '/data', upperdir, lowerdirs, overlay: 'trusted', method: 'tar.gz' },
    state: { id: 'box', bundle },
  });
});

function imageOf(t: ExecutionContext<unknown>, directory: string) {
  const tar = execFileSync('tar', ['--xattrs', '--format=pax', '-C', directory, '-c', '.'], {
    maxBuffer: 2 ** 28,
  });
  const image = buildImage(t, [tar]);
  mkdirSync(join(image.layout, 'blobs/sha256'), { recursive: true });
  return image;
}
