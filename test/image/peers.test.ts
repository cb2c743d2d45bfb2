import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { collectGarbage } from '../../src/image/gc.js';
import { createLayout, type Layout, openLayout } from '../../src/image/layout.js';
import { ImageMutation } from '../../src/image/mutate.js';
import { newImage } from '../../src/image/new.js';
import { listTags } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { sha256 } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

async function ours(t: ExecutionContext): Promise<Layout> {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  await newImage(layout, 'empty', new Date('2020-01-01T00:00:00.120Z'));
  const mutation = new ImageMutation(layout, resolveReference(layout, 'empty'));
  const layer = tar([{ name: 'file', content: 'x' }]);
  const blob = await layout.writeBlob(gzipSync(layer));
  mutation.addLayer({
    descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...blob },
    diffID: sha256(layer),
    history: { created: '2020-01-01T00:00:01Z', created_by: 'layerhook <&>' },
  });
  await mutation.commit('full');
  await layout.close();
  return layout;
}

test('skopeo copies and verifies images of layerhook', async (t) => {
  if (!requires(t, 'skopeo')) return;
  const { path } = await ours(t);
  const target = join(tmpdir(t), 'copied');
  for (const tag of ['empty', 'full']) {
    const args = ['--insecure-policy', 'copy', `oci:${path}:${tag}`, `dir:${target}-${tag}`];
    const { status, stderr } = spawnSync('skopeo', args, { encoding: 'utf8' });
    t.is(status, 0, stderr);
  }
  t.is(readdirSync(`${target}-full`).length, 4);
});

test('umoci reads and changes images of layerhook, and layerhook reads the result', async (t) => {
  if (!requires(t, 'umoci')) return;
  const layout = await ours(t);
  const umoci = (...args: string[]) => execFileSync('umoci', args, { encoding: 'utf8' });
  t.is(umoci('ls', '--layout', layout.path), 'empty\nfull\n');
  const stat = JSON.parse(umoci('stat', '--image', `${layout.path}:full`, '--json')) as {
    history: unknown[];
  };
  t.is(stat.history.length, 1);

  umoci('config', '--image', `${layout.path}:full`, '--tag', 'theirs', '--author', 'them <&>');
  umoci('tag', '--image', `${layout.path}:full`, 'second');
  t.deepEqual(listTags(layout), ['empty', 'full', 'theirs', 'second']);
  t.is(resolveReference(layout, 'theirs').config.author, 'them <&>');
  t.deepEqual((await collectGarbage(layout)).removed, []);
});

test("umoci's new image is read, and ours is the same but for its time", async (t) => {
  if (!requires(t, 'umoci')) return;
  const path = join(tmpdir(t), 'layout');
  execFileSync('umoci', ['init', '--layout', path]);
  execFileSync('umoci', ['new', '--image', `${path}:theirs`]);
  const layout = openLayout(path);
  const theirs = resolveReference(layout, 'theirs');
  await newImage(layout, 'ours', new Date(theirs.config.created!));
  await layout.close();
  const own = resolveReference(layout, 'ours');
  t.deepEqual({ ...own.config, created: '' }, { ...theirs.config, created: '' });
});

test('an image that skopeo wrote is read', async (t) => {
  if (!requires(t, 'skopeo')) return;
  const { path } = await ours(t);
  const target = join(tmpdir(t), 'target');
  const copy = ['--insecure-policy', 'copy', `oci:${path}:full`, `oci:${target}:copy`];
  t.is(spawnSync('skopeo', copy).status, 0);
  const layout = openLayout(target);
  t.deepEqual(listTags(layout), ['copy']);
  t.is(resolveReference(layout, 'copy').config.rootfs.diff_ids.length, 1);
  await newImage(layout, 'another', new Date(0));
  await layout.close();
  t.is(spawnSync('skopeo', ['inspect', `oci:${target}:another`]).status, 0);
});

rootTest(
  'layouts that buildah and podman wrote are read and repacked, and skopeo reads the result',
  async (t) => {
    if (!requires(t, 'buildah', 'podman', 'skopeo')) return;
    const dir = tmpdir(t);
    const storage = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--storage-driver', 'vfs'];
    const call = (program: string, ...args: string[]) =>
      execFileSync(program, [...storage, ...args], { stdio: 'pipe' });
    writeFileSync(join(dir, 'f'), 'x');
    const recipe = 'FROM scratch\nCOPY f /f\nLABEL a= b=c\nENV X=1\nVOLUME /v\nEXPOSE 80\nUSER 7\n';
    writeFileSync(join(dir, 'Dockerfile'), recipe);
    call('buildah', 'bud', '-q', '--isolation', 'chroot', '-t', 'x:1', dir);
    call('buildah', 'push', '-q', 'x:1', `oci:${dir}/buildah:a`);
    call('podman', 'push', '-q', 'x:1', `oci:${dir}/podman:a`);
    call('podman', 'save', '-q', '--format', 'oci-dir', '-o', join(dir, 'saved'), 'x:1');
    call('buildah', 'manifest', 'create', 'list');
    call('buildah', 'manifest', 'add', 'list', 'x:1');
    call('buildah', 'manifest', 'push', '-q', '--all', 'list', `oci:${dir}/list:a`);
    for (const name of ['buildah', 'podman', 'saved', 'list']) {
      const layout = openLayout(join(dir, name));
      const [tag] = listTags(layout);
      const image = resolveReference(layout, tag!);
      t.like(image.config.config, { User: '7', Volumes: { '/v': {} }, Labels: { a: '', b: 'c' } }, name);
      const mutation = new ImageMutation(layout, image);
      mutation.addHistory({ created_by: 'test' });
      await mutation.commit('new');
      await layout.close();
      execFileSync('skopeo', [
        '--insecure-policy',
        'copy',
        '-q',
        `oci:${layout.path}:new`,
        `dir:${dir}/of-${name}`,
      ]);
    }
  },
);
