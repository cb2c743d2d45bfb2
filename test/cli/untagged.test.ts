import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Descriptor } from '../../src/image/types.js';
import { mainFile } from '../helpers/cli.js';
import { writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { addReferrer, call } from '../image/tars.js';
import { type Outcome, runFile } from './run.js';

const layerhook = (...args: string[]) => runFile(mainFile, args);

interface Untagged {
  layout: string;
  /** descriptors of the images */
  images: [Descriptor, ...Descriptor[]];
}

const manifestsOf = (layout: string): Descriptor[] =>
  JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests;

const tagsOf = (layout: string) =>
  manifestsOf(layout).map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? null);

/** Writes images of one file each without tags, as `crane pull --format=oci` does. */
function untagged(t: ExecutionContext<unknown>, ...names: string[]): Untagged {
  const layout = join(tmpdir(t), 'layout');
  for (const name of names) writeImage(layout, [[{ name, content: name }]], { tag: name });
  const manifests = manifestsOf(layout).map(({ annotations: _, ...rest }) => rest as Descriptor);
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return { layout, images: manifests as Untagged['images'] };
}

function succeeds(t: ExecutionContext<unknown>, { status, stdout, stderr }: Outcome): string {
  t.is(status, 0, stderr);
  return stdout;
}

/** Commands that read an image. `IMAGE` is the image; each prints something that names its file `a`, or its digest. */
const readers: string[][] = [
  ['stat', '--json', '--image', 'IMAGE'],
  ['inspect', '--json', 'IMAGE'],
  ['ls-files', 'IMAGE'],
  ['cat', 'IMAGE', 'a'],
  ['diff', '--name-only', 'IMAGE', 'OTHER'],
  ['validate', '--json', 'IMAGE'],
  ['export', '--image', 'IMAGE'],
];

test('the only image of a layout without tags needs no tag, and each image can be named by its digest', (t) => {
  const { layout, images } = untagged(t, 'a');
  const [{ digest }] = images;
  addReferrer(layout, images[0], 'signature');
  const two = untagged(t, 'a', 'b');
  const other = untagged(t, 'other').layout;
  for (const reader of readers) {
    const run = (image: string) =>
      layerhook(...reader.map((word) => ({ IMAGE: image, OTHER: other })[word] ?? word));
    const outputs = [layout, `${layout}@${digest}`, `${two.layout}@${digest}`].map((image) => {
      const { status, stdout, stderr } = run(image);
      // diff and validate have statuses for what they find
      t.true([0, 1, 20].includes(status!), `${reader} ${stderr}`);
      return stdout.replaceAll(two.layout, layout).replace(/,"referrers":\[.*?\]/, '');
    });
    if (reader[0] !== 'validate') t.deepEqual(new Set(outputs).size, 1, reader.join(' '));
  }
});

test('without a tag, several images are listed with digest and platform', (t) => {
  const { layout, images } = untagged(t, 'a', 'b');
  for (const reader of readers) {
    if (reader[0] === 'validate') continue;
    const { status, stderr } = layerhook(...reader.map((word) => (/^[A-Z]+$/.test(word) ? layout : word)));
    t.is(status, 3, reader.join(' '));
    t.is(
      stderr,
      `layerhook: tag latest is not in ${layout}; its images have no tags; name one by its digest, ` +
        `${images.map(({ digest }) => `@${digest} (linux/amd64)`).join(', or ')}\n`.replace(
          '@',
          `${layout}@`,
        ),
    );
  }
  const missing = `sha256:${'0'.repeat(64)}`;
  const { status, stderr } = layerhook('stat', '--image', `${layout}@${missing}`);
  t.is(status, 3);
  t.regex(
    stderr,
    new RegExp(`^layerhook: ${missing} is not in ${layout}; its images have no tags; [^\n]+\n$`),
  );
  const listed = layerhook('ls', '--layout', layout);
  t.is(listed.stdout, '');
  t.is(listed.stderr.match(/an image has no tag: \S+@sha256:/g)?.length, 2);
  const rows = JSON.parse(layerhook('ls', '--json', '--layout', layout).stdout) as object[];
  t.deepEqual(
    rows,
    images.map(({ digest, mediaType, size }) => ({ tag: null, digest, mediaType, size })),
  );
});

test('other tags are listed if one is missing', (t) => {
  const layout = join(tmpdir(t), 'layout');
  for (let i = 0; i < 10; i++) writeImage(layout, [], { tag: `v${i}` });
  const { stderr } = layerhook('stat', '--image', `${layout}:stable`);
  t.regex(
    stderr,
    /^layerhook: tag stable is not in [^;]+; [^\n]+ shows its tags: v0, [^\n]*v7, and 2 others\n$/,
  );
});

test('copy, tag and commands that make an image work without a tag in the source', (t) => {
  const { layout, images } = untagged(t, 'a');
  const [{ digest }] = images;
  const target = join(tmpdir(t), 'target');
  succeeds(t, layerhook('copy', layout, target));
  t.deepEqual(tagsOf(target), ['latest']);
  succeeds(t, layerhook('copy', `${layout}@${digest}`, `${target}:named`));
  t.deepEqual(tagsOf(target), ['latest', 'named']);
  succeeds(t, layerhook('copy', `${layout}@${digest}`, `${target}2`));
  t.deepEqual(tagsOf(`${target}2`), [null]);
  succeeds(t, layerhook('config', '--image', layout, '--tag', 'more', '--author', 'me'));
  t.deepEqual(tagsOf(layout), [null, 'more']);
  const once = untagged(t, 'a').layout;
  succeeds(t, layerhook('tag', '--image', once, 'v1'));
  t.deepEqual(tagsOf(once), ['v1']);
  succeeds(t, layerhook('flatten', '--image', `${once}@${digest}`, '--tag', 'flat'));
  t.deepEqual(tagsOf(once), ['v1', 'flat']);
  for (const args of [
    ['config', '--author', 'me', '--image'],
    ['new', '--image'],
    ['rm', '--image'],
    ['index', 'add', `${once}:v1`, '--image'],
  ]) {
    const { status, stderr } = layerhook(...args, `${once}@${digest}`);
    t.is(status, 2, args.join(' '));
    t.regex(
      stderr,
      /^layerhook: malformed reference "@sha256:[0-9a-f]+": a digest cannot be a tag; [^\n]+\n$/,
    );
  }
});

test('an index without a tag is changed in place, and gets the tag', (t) => {
  const { layout, images } = untagged(t, 'a');
  succeeds(t, layerhook('index', 'add', '--image', `${layout}:multi`, `${layout}@${images[0].digest}`));
  const [, { annotations: _, ...index }] = manifestsOf(layout) as [Descriptor, Descriptor];
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [index] }));
  const rows = () => layerhook('index', 'ls', '--image', layout).stdout.split('\n').length;
  const before = rows();
  const other = untagged(t, 'b');
  succeeds(t, layerhook('index', 'add', '--image', layout, '--platform', 'linux/arm64', other.layout));
  t.is(rows(), before + 1);
  t.deepEqual(tagsOf(layout), ['latest']);
  const image = untagged(t, 'c').layout;
  succeeds(t, layerhook('index', 'add', '--image', image, other.layout));
  t.deepEqual(tagsOf(image), [null, 'latest']);
  const archive = `oci-archive:${join(tmpdir(t), 'x.tar')}`;
  succeeds(t, layerhook('copy', other.layout, `${archive}:v1`));
  succeeds(t, layerhook('index', 'add', '--image', archive, other.layout));
  t.is(layerhook('ls', '--layout', archive).stdout, 'v1\nlatest\n');
});

test('validate of an archive without a tag checks all of it', (t) => {
  const { layout } = untagged(t, 'a', 'b');
  const archive = `oci-archive:${join(tmpdir(t), 'x.tar')}`;
  succeeds(t, layerhook('copy', '--all-tags', layout, archive));
  t.is(layerhook('validate', archive).status, layerhook('validate', layout).status);
});

rootTest('unpack and repack of an image without a tag, and skopeo reads the same', (t) => {
  if (!requires(t, 'skopeo')) return;
  const { layout, images } = untagged(t, 'a');
  const [{ digest }] = images;
  const raw = call('skopeo', 'inspect', '--raw', `oci:${layout}`);
  t.is(
    JSON.parse(succeeds(t, layerhook('stat', '--json', '--image', layout))).manifest.digest ?? digest,
    digest,
  );
  t.is(raw, readFileSync(join(layout, 'blobs', digest.replace(':', '/')), 'utf8'));
  const dir = tmpdir(t);
  const store = ['--driver', 'overlay', '--store', join(dir, 'store')];
  for (const [bundle, image] of [
    ['one', layout],
    ['two', `${layout}@${digest}`],
  ] as const) {
    const path = join(dir, bundle);
    t.teardown(() => layerhook('bundle', 'rm', '--force', ...store, path));
    succeeds(t, layerhook('unpack', ...store, '--image', image, path));
    writeFileSync(join(path, 'rootfs/new'), bundle);
    succeeds(t, layerhook('repack', '--image', `${layout}:${bundle}`, path));
    t.is(succeeds(t, layerhook('cat', `${layout}:${bundle}`, 'new')), bundle);
    const listed = JSON.parse(
      succeeds(t, layerhook('bundle', 'ls', '--json', '--store', join(dir, 'store'))),
    );
    t.is(listed[0].image.tag, null);
    succeeds(t, layerhook('bundle', 'rm', path));
  }
});
