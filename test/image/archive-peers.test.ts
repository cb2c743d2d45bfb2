import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { copyImage } from '../../src/engine/image/copy.js';
import { addImagesToIndex } from '../../src/engine/image/edit-index.js';
import { exportImage } from '../../src/engine/image/export.js';
import { unpack } from '../../src/engine/unpack/unpack.js';
import { listIndex } from '../../src/image/index-edit.js';
import { openLayout } from '../../src/image/layout.js';
import { parsePlatform, showPlatform } from '../../src/image/platform.js';
import { listTags } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { succeed } from '../helpers/cli.js';
import { startContainerd } from '../helpers/containerd.js';
import { startDocker } from '../helpers/docker.js';
import { buildImage, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { blobsOf, call, imageIn } from './tars.js';

const skopeo = (...args: string[]) => call('skopeo', '--insecure-policy', ...args);

/** A layout with an index of two images under `multi`. */
async function multi(t: ExecutionContext): Promise<string> {
  const { layout } = buildImage(t, [[{ name: 'f', content: 'amd64' }]], { tag: 'amd64' });
  const edit = { config: (config: object) => void Object.assign(config, parsePlatform('linux/arm64')) };
  writeImage(layout, [[{ name: 'f', content: 'arm64' }]], { tag: 'arm64', edit });
  await addImagesToIndex({ image: `${layout}:multi`, images: [`${layout}:amd64`, `${layout}:arm64`] });
  return layout;
}

test('skopeo copy --all copies an index as we do, and reads our tars', async (t) => {
  if (!requires(t, 'skopeo')) return;
  const layout = await multi(t);
  const dir = tmpdir(t);
  const [ours, theirs, tar, back] = ['ours', 'theirs', 'ours.tar', 'back'].map((name) => join(dir, name));
  await copyImage({ source: `${layout}:multi`, target: ours! });
  skopeo('copy', '-q', '--all', `oci:${layout}:multi`, `oci:${theirs}:multi`);
  t.deepEqual(blobsOf(ours!), blobsOf(theirs!));
  t.deepEqual(openLayout(ours!).readIndex().manifests, openLayout(theirs!).readIndex().manifests);
  await copyImage({ source: `${layout}:multi`, target: `oci-archive:${tar}` });
  skopeo('copy', '-q', '--all', `oci-archive:${tar}:multi`, `oci:${back}:multi`);
  t.deepEqual(blobsOf(back!), blobsOf(layout), 'all that we wrote to the tar');
});

test("skopeo's oci-archive and docker-archive are read", async (t) => {
  if (!requires(t, 'skopeo')) return;
  const { layout } = buildImage(t, [[{ name: 'a' }], [{ name: 'b' }]], { tag: 'v1', config: { User: '7' } });
  const dir = tmpdir(t);
  const archives = [
    `oci-archive:${join(dir, 'oci.tar')}:v1`,
    `docker-archive:${join(dir, 'docker.tar')}:localhost/x:1`,
  ];
  for (const archive of archives) {
    skopeo('copy', '-q', `oci:${layout}:v1`, archive);
    const target = join(tmpdir(t), 'target');
    await copyImage({ source: archive, target });
    const [tag] = listTags(openLayout(target));
    t.is(tag, archive.startsWith('oci') ? 'v1' : 'localhost/x:1');
    const { config } = imageIn(target, tag!);
    t.deepEqual(config, imageIn(layout, 'v1').config);
    skopeo('copy', '-q', `oci:${target}:${tag}`, `dir:${join(tmpdir(t), 'dir')}`);
  }
});

test('umoci works on a layout that we copied', async (t) => {
  if (!requires(t, 'umoci')) return;
  const { layout } = buildImage(t, [[{ name: 'a' }]], { tag: 'v1' });
  const target = join(tmpdir(t), 'target');
  await copyImage({ source: `${layout}:v1`, target });
  call('umoci', 'config', '--image', `${target}:v1`, '--tag', 'v2', '--author', 'them');
  call('umoci', 'gc', '--layout', target);
  t.is(imageIn(target, 'v2').config.author, 'them');
  t.deepEqual(imageIn(target, 'v1'), imageIn(layout, 'v1'));
});

rootTest('podman save and load, and a list of buildah', async (t) => {
  if (!requires(t, 'podman', 'buildah')) return;
  const dir = tmpdir(t);
  const storage = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--storage-driver', 'vfs'];
  const { layout } = buildImage(t, [[{ name: 'a', content: 'a' }]], { tag: 'v1', config: { User: '7' } });
  const ours = join(dir, 'ours.tar');
  await copyImage({ source: `${layout}:v1`, target: `oci-archive:${ours}:localhost/x:1` });
  t.regex(call('podman', ...storage, 'load', '-q', '-i', ours), /localhost\/x:1/);
  for (const format of ['oci-archive', 'docker-archive']) {
    const file = join(dir, `${format}.tar`);
    call('podman', ...storage, 'save', '-q', '--format', format, '-o', file, 'localhost/x:1');
    const saved = openLayout(`${format}:${file}`);
    const { config, manifest } = resolveReference(saved, 'latest');
    t.is(config.config?.User, '7', format);
    t.deepEqual(config.rootfs, imageIn(layout, 'v1').config.rootfs);
    const target = join(tmpdir(t), 'target');
    await copyImage({ source: `${format}:${file}`, target });
    t.is(Object.keys(blobsOf(target)).length, manifest.layers.length + 2);
  }
  call('buildah', ...storage, 'manifest', 'create', 'list');
  call('buildah', ...storage, 'manifest', 'add', '--arch', 'arm64', 'list', 'localhost/x:1');
  const list = `oci-archive:${join(dir, 'list.tar')}`;
  call('buildah', ...storage, 'manifest', 'push', '-q', '--all', 'list', `${list}:multi`);
  const platforms = listIndex(openLayout(list), 'multi').map(
    ({ platform }) => platform && showPlatform(platform),
  );
  t.deepEqual(platforms, ['linux/arm64']);
  await addImagesToIndex({ image: `${list}:multi`, images: [`${layout}:v1`] });
  t.is(JSON.parse(call('skopeo', 'inspect', '--raw', `${list}:multi`)).manifests.length, 2);
});

rootTest('docker load, save, and import of an export', async (t) => {
  if (!requires(t, 'dockerd', 'docker', 'skopeo')) return;
  const dir = tmpdir(t);
  const layers = [[{ name: 'a', content: 'a' }], [{ name: 'b', content: 'b' }]];
  const { layout } = buildImage(t, layers, { tag: 'v1', config: { User: '7' } });
  const [loaded, saved, tree] = ['loaded.tar', 'saved.tar', 'tree.tar'].map((name) => join(dir, name));
  const docker = await startDocker(t);
  skopeo('copy', '-q', `oci:${layout}:v1`, `docker-archive:${loaded}:layerhook:v1`);
  await succeed(t, docker('load', '--quiet', '--input', loaded!));
  await writeFile(tree!, exportImage({ image: `${layout}:v1` }));
  await succeed(t, docker('import', tree!, 'layerhook:tree'));
  await succeed(t, docker('save', '--output', saved!, 'layerhook:v1', 'layerhook:tree'));

  const archive = openLayout(`docker-archive:${saved}`);
  t.deepEqual(listTags(archive).sort(), ['layerhook:tree', 'layerhook:v1']);
  const { config, manifest } = resolveReference(archive, 'layerhook:v1');
  t.is(config.config?.User, '7');
  t.deepEqual(config.rootfs, imageIn(layout, 'v1').config.rootfs);
  t.is(manifest.layers.length, 2);
  for (const tag of ['v1', 'tree']) {
    const bundle = join(dir, tag);
    await unpack({ image: `docker-archive:${saved}:layerhook:${tag}`, bundle });
    t.deepEqual(readdirSync(join(bundle, 'rootfs')).sort(), ['a', 'b'], tag);
  }
});

rootTest('ctr image import and export', async (t) => {
  if (!requires(t, 'containerd', 'ctr')) return;
  const layout = await multi(t);
  const dir = tmpdir(t);
  const [ours, theirs] = [join(dir, 'ours.tar'), join(dir, 'theirs.tar')];
  await copyImage({ source: `${layout}:multi`, target: `oci-archive:${ours}` });
  const { ctr } = await startContainerd(t);
  await succeed(t, ctr('image', 'import', '--all-platforms', '--base-name', 'localhost/x', ours));
  await succeed(t, ctr('image', 'export', '--all-platforms', theirs, 'localhost/x:multi'));
  const back = join(dir, 'back');
  await copyImage({ source: `oci-archive:${theirs}`, target: back });
  t.like(blobsOf(layout), blobsOf(back));
  const exported = openLayout(`oci-archive:${theirs}`);
  const [tag] = listTags(exported);
  t.is(listIndex(exported, tag!).length, 2);
  // the same tar has docker's manifest.json, with the images for all platforms
  t.true(listTags(openLayout(`docker-archive:${theirs}`)).length > 0);
  t.true(readFileSync(theirs).includes('manifest.json'));
});
