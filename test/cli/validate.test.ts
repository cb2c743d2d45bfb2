import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { layerhook, refused } from '../helpers/cli.js';
import { type BuiltImage, buildImage, put, type RawLayer, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { file } from '../layer/apply/harness.js';

interface Finding {
  severity: string;
  code: string;
  digest?: string;
  tag?: string;
}

async function findings(what: string): Promise<{ status: number | null; found: Finding[] }> {
  const { status, stdout, stderr } = await layerhook(['validate', '--json', what]);
  if (status !== 0 && stdout === '') throw new Error(stderr);
  return { status, found: JSON.parse(stdout) };
}

const layers: RawLayer[] = [[file('a', 'one')], [file('b', 'two')]];

test('images of other programs have no errors and no warnings', async (t) => {
  if (!requires(t, 'root', 'umoci', 'skopeo')) return;
  const { layout, reference } = buildImage(t, layers);
  const copy = join(tmpdir(t), 'copy');
  execFileSync('skopeo', ['copy', `oci:${reference}`, `oci:${copy}:skopeo`], { stdio: 'pipe' });
  const bundle = join(tmpdir(t), 'bundle');
  execFileSync('umoci', ['unpack', '--image', `${copy}:skopeo`, bundle], { stdio: 'pipe' });
  writeFileSync(join(bundle, 'rootfs/c'), 'three');
  execFileSync('umoci', ['repack', '--image', `${copy}:umoci`, bundle], { stdio: 'pipe' });
  for (const what of [layout, copy, `${copy}:umoci`]) {
    const { status, found } = await findings(what);
    t.deepEqual(
      found.filter(({ severity }) => severity !== 'note'),
      [],
      what,
    );
    t.is(status, 0);
  }
});

/** Faults that make an image unusable. */
const faults: Record<string, { code: string; make: (image: BuiltImage) => void }> = {
  'a layer with other content': {
    code: 'BLOB_DIGEST',
    make: ({ manifest, blob }) => {
      const path = blob(manifest.layers[1]!.digest);
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0x55, 12, 20));
    },
  },
  'a layer that is too short': {
    code: 'BLOB_SIZE',
    make: ({ manifest, blob }) => truncateSync(blob(manifest.layers[0]!.digest), 20),
  },
  'a missing layer': {
    code: 'BLOB_NOT_FOUND',
    make: ({ manifest, blob }) => rmSync(blob(manifest.layers[0]!.digest)),
  },
  'a missing config': {
    code: 'BLOB_NOT_FOUND',
    make: ({ manifest, blob }) => rmSync(blob(manifest.config.digest)),
  },
  'a config that is not the one of its digest': {
    code: 'BLOB_DIGEST',
    make: ({ manifest, blob }) => {
      const path = blob(manifest.config.digest);
      writeFileSync(path, readFileSync(path, 'utf8').replace('amd64', 'arm64'));
    },
  },
};

for (const [name, { code, make }] of Object.entries(faults)) {
  test(`an error that umoci finds too: ${name}`, async (t) => {
    if (!requires(t, 'root', 'umoci')) return;
    const image = buildImage(t, layers);
    make(image);
    const { status, found } = await findings(image.reference);
    t.is(status, 1);
    t.deepEqual(
      found.map(({ severity, code, tag }) => [severity, code, tag]),
      [['error', code, 'latest']],
    );
    const args = ['unpack', '--image', image.reference, join(tmpdir(t), 'bundle')];
    t.not(spawnSync('umoci', args).status, 0);
  });
}

test('all faults are found, not only the first one', async (t) => {
  const layout = tmpdir(t);
  writeImage(layout, layers, {
    tag: 'counts',
    edit: { config: (config) => config.history!.pop() },
  });
  writeImage(layout, layers, {
    tag: 'platform',
    edit: {
      index: ({ manifests }) => {
        manifests.at(-1)!.platform = { os: 'linux', architecture: 's390x' };
      },
    },
  });
  writeImage(layout, layers, {
    tag: 'diffids',
    edit: { config: (config) => config.rootfs.diff_ids.reverse() },
  });
  writeImage(layout, layers, { tag: 'type', compression: 'none', blob: (bytes) => gzipSync(bytes) });
  writeImage(layout, [[file('.wh.'), file('x'), { name: '.', type: 'file' }]], { tag: 'entries' });
  const broken = tar([file('x', 'content')]).subarray(0, 515);
  writeImage(layout, [broken], { tag: 'cut' });
  writeImage(layout, layers, {
    tag: 'twice',
    edit: { config: (config) => Object.assign(config, { author: 'A' }) },
  });
  writeImage(layout, layers, {
    tag: 'twice',
    edit: { config: (config) => Object.assign(config, { author: 'B' }) },
  });
  writeImage(layout, layers, { tag: 'bad_tag_' });
  put(layout, Buffer.from('garbage'), 'x');
  mkdirSync(join(layout, '.umoci-leftover'));
  writeFileSync(join(layout, 'blobs/sha256/notes.txt'), 'x');
  const { status, found } = await findings(layout);
  t.is(status, 1);
  const seen = new Set(found.map(({ severity, code, tag }) => `${severity} ${code} ${tag ?? ''}`.trimEnd()));
  t.deepEqual([...seen].sort(), [
    'error DIFF_ID diffids',
    'error LAYER_ENTRY entries',
    'error TAR_INVALID cut',
    'note BLOB_UNREFERENCED',
    'note WRITER_LEFTOVER',
    'warning COMPRESSION_MISMATCH type',
    'warning FILE_STRAY',
    'warning HISTORY_COUNT counts',
    'warning PLATFORM_MISMATCH platform',
    'warning TAG_DUPLICATE twice',
    'warning TAG_MALFORMED bad_tag_',
  ]);
  t.is(found.filter(({ code }) => code === 'LAYER_ENTRY').length, 2);
  t.is(found.filter(({ code }) => code === 'DIFF_ID').length, 2);
  const warned = await layerhook(['validate', `${layout}:counts`]);
  t.is(warned.status, 20);
  t.regex(
    warned.stdout,
    /^warning: HISTORY_COUNT: the history of config sha256:\w+ describes 1 layer, .* \(tag counts\)\n$/,
  );
});

test('a layer that many images name is read once, and other diffIDs are still found', async (t) => {
  const { layout } = buildImage(t, layers, { tag: 'a' });
  const wrong = `sha256:${'0'.repeat(64)}` as const;
  writeImage(layout, layers, {
    tag: 'b',
    edit: {
      config: (config) => {
        config.rootfs.diff_ids[0] = wrong;
      },
    },
  });
  const { found } = await findings(layout);
  t.deepEqual(
    found.map(({ code, tag }) => [code, tag]),
    [['DIFF_ID', 'b']],
  );
});

test('a nested index, and missing tags, layouts and manifests', async (t: ExecutionContext) => {
  const { layout, reference } = buildImage(t, layers);
  await refused(t, layerhook(['validate', `${layout}:none`]), /tag none is not in/);
  await refused(t, layerhook(['validate', join(layout, 'none')]), /no OCI image layout/);
  const file = join(layout, 'index.json');
  const index = JSON.parse(readFileSync(file, 'utf8'));
  const child = put(layout, Buffer.from(JSON.stringify(index)), 'application/vnd.oci.image.index.v1+json');
  const missing = { ...index.manifests[0], digest: `sha256:${'1'.repeat(64)}` };
  const annotations = { 'org.opencontainers.image.ref.name': 'nested' };
  writeFileSync(file, JSON.stringify({ schemaVersion: 2, manifests: [{ ...child, annotations }, missing] }));
  const { found, status } = await findings(layout);
  t.is(status, 1);
  t.deepEqual(
    found.map(({ code, digest }) => [code, digest]),
    [['BLOB_NOT_FOUND', missing.digest]],
  );
  t.is((await findings(reference.replace('latest', 'nested'))).status, 0);
});
