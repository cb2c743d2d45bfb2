import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
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

test('skopeo copies what we made, verifying all of it', async (t) => {
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

test('umoci reads what we made, changes it, and we read that', async (t) => {
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
