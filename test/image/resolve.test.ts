import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Layout, openLayout } from '../../src/image/layout.js';
import { parsePlatform } from '../../src/image/platform.js';
import { resolveReference } from '../../src/image/resolve.js';
import type { Descriptor, Index, Platform } from '../../src/image/types.js';
import { layerSources } from '../../src/layer/sources.js';
import { buildImage, put, writeImage, writeImageFor } from '../helpers/image.js';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const TAG = 'org.opencontainers.image.ref.name';
const platform = (text: string): Platform => parsePlatform(text);
const json = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));

test('a tag leads to its manifest and config', (t) => {
  const built = buildImage(t, [[{ name: 'a' }], [{ name: 'b' }]]);
  const layout = openLayout(built.layout);
  const image = resolveReference(layout, 'latest');
  t.deepEqual(image.manifest, built.manifest);
  t.deepEqual(image.config, built.config);
  t.is(image.reference, 'latest');
  t.deepEqual(image.path, [image.manifestDescriptor]);
  t.deepEqual(image.configDescriptor, built.manifest.config);
  t.deepEqual(
    layerSources(layout, image).map(({ path, digest, diffID }) => [path, digest, diffID]),
    built.manifest.layers.map(({ digest }, at) => [
      built.blob(digest),
      digest,
      built.config.rootfs.diff_ids[at]!,
    ]),
  );
});

test('a tag that is missing, malformed or twice there is an error', (t) => {
  const { layout: path } = buildImage(t, []);
  writeImage(path, [], { tag: 'twice' });
  writeImage(path, [], { tag: 'twice', config: { User: '1' } });
  const layout = openLayout(path);
  t.throws(() => resolveReference(layout, 'none'), { code: 'REFERENCE_NOT_FOUND' });
  t.throws(() => resolveReference(layout, 'a b'), { code: 'REFERENCE_INVALID' });
  t.throws(() => resolveReference(layout, 'twice'), { code: 'REFERENCE_AMBIGUOUS' });
});

/** A layout whose tag `multi` leads through `depth` indexes to an image of each platform. */
function multiPlatform(t: ExecutionContext, platforms: string[], depth = 1): Layout {
  const { layout } = buildImage(t, []);
  const images = platforms.map((name) => {
    const edit = { config: (config: object) => void Object.assign(config, platform(name)) };
    writeImage(layout, [], { tag: 'temporary', edit });
    const { annotations: _, ...descriptor } = readTop(layout).manifests.at(-1)!;
    return { ...descriptor, platform: platform(name) };
  });
  writeTop(layout, [wrap(layout, images, depth)]);
  return openLayout(layout);
}

function wrap(layout: string, manifests: Descriptor[], depth: number): Descriptor {
  const index = put(layout, json({ schemaVersion: 2, mediaType: INDEX, manifests }), INDEX);
  return depth > 1 ? wrap(layout, [index], depth - 1) : { ...index, annotations: { [TAG]: 'multi' } };
}

function readTop(layout: string): Index {
  return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
}

function writeTop(layout: string, manifests: Descriptor[]): void {
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, mediaType: INDEX, manifests }));
}

test('an image of an index is chosen by platform', (t) => {
  const layout = multiPlatform(t, [
    'linux/amd64',
    'linux/arm64/v8',
    'linux/arm/v6',
    'linux/arm/v7',
    'linux/s390x',
  ]);
  const chosen = (text: string) => {
    const { architecture, variant } = resolveReference(layout, 'multi', { platform: platform(text) }).config;
    return [architecture, variant].filter(Boolean).join('/');
  };
  t.is(chosen('linux/amd64'), 'amd64');
  t.is(chosen('x86_64'), 'amd64');
  t.is(chosen('linux/arm64'), 'arm64/v8');
  t.is(chosen('linux/aarch64/v8'), 'arm64/v8');
  t.is(chosen('linux/arm'), 'arm/v7');
  t.is(chosen('linux/arm/v6'), 'arm/v6');
  t.is(chosen('linux/arm/v8'), 'arm/v7');
  for (const missing of ['linux/arm/v5', 'linux/riscv64', 'windows/amd64']) {
    t.throws(() => chosen(missing), {
      code: 'PLATFORM_NOT_FOUND',
      message: /linux\/amd64, linux\/arm64\/v8, linux\/arm\/v6/,
    });
  }
});

test('without --platform, the only image is chosen for any platform, else that of this machine', (t) => {
  const only = resolveReference(multiPlatform(t, ['linux/s390x']), 'multi');
  t.is(only.config.architecture, 's390x');
  const host = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const both = multiPlatform(t, ['linux/s390x', 'linux/amd64', 'linux/arm64']);
  t.is(resolveReference(both, 'multi').config.architecture, host);
  t.throws(() => resolveReference(multiPlatform(t, ['linux/s390x', 'linux/ppc64le']), 'multi'), {
    code: 'PLATFORM_NOT_FOUND',
  });
});

test("BuildKit's attestations are not images", (t) => {
  const layout = multiPlatform(t, ['linux/s390x', 'unknown/unknown']);
  t.is(resolveReference(layout, 'multi').config.architecture, 's390x');
});

test('indexes may be nested, to a limit', (t) => {
  const image = resolveReference(multiPlatform(t, ['linux/amd64'], 5), 'multi');
  t.is(image.path.length, 6);
  t.is(image.path[0].annotations?.[TAG], 'multi');
  t.throws(() => resolveReference(multiPlatform(t, ['linux/amd64'], 40), 'multi'), {
    code: 'LIMIT_EXCEEDED',
  });
});

test('an index that names the next one many times, at every depth, is resolved immediately', (t) => {
  const { layout } = buildImage(t, []);
  let children: Descriptor[] = [readTop(layout).manifests[0]!];
  for (let depth = 0; depth < 12; depth += 1) {
    const index = put(layout, json({ schemaVersion: 2, manifests: children }), INDEX);
    children = new Array(50).fill(index);
  }
  writeTop(layout, [{ ...children[0]!, annotations: { [TAG]: 'bomb' } }]);
  t.is(resolveReference(openLayout(layout), 'bomb').path.length, 13);
});

test('one tag on two images of different platforms is decided by platform', (t) => {
  const { layout } = buildImage(t, [], { tag: 'a' });
  writeImageFor('s390x', layout, 'a');
  const architecture = (text: string) =>
    resolveReference(openLayout(layout), 'a', { platform: platform(text) }).config.architecture;
  t.is(architecture('linux/s390x'), 's390x');
  t.is(architecture('linux/amd64'), 'amd64');
});

test('Docker schema 2 is read as OCI', (t) => {
  const docker = 'application/vnd.docker';
  const { layout: path, manifest } = buildImage(t, [[{ name: 'a' }]], {
    edit: {
      manifest: (document) => {
        document.mediaType = `${docker}.distribution.manifest.v2+json`;
        document.config.mediaType = `${docker}.container.image.v1+json`;
        document.layers[0]!.mediaType = `${docker}.image.rootfs.diff.tar.gzip`;
      },
    },
  });
  const list = { schemaVersion: 2, mediaType: `${docker}.distribution.manifest.list.v2+json` };
  const [image] = readTop(path).manifests;
  const index = put(path, json({ ...list, manifests: [image] }), list.mediaType);
  writeTop(path, [{ ...index, annotations: { [TAG]: 'docker' } }]);
  const layout = openLayout(path);
  const resolved = resolveReference(layout, 'docker');
  t.is(resolved.path.length, 2);
  t.deepEqual(resolved.manifest.layers, manifest.layers);
  t.is(layerSources(layout, resolved)[0]!.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip');
});

const corruptions: [
  title: string,
  code: string,
  edit: NonNullable<Parameters<typeof buildImage>[2]>['edit'],
][] = [
  [
    'CVE-2021-41190: manifest that is an index too',
    'IMAGE_INVALID',
    {
      manifest: (document) => {
        document.manifests = [];
      },
    },
  ],
  [
    'CVE-2021-41190: manifest that says it is an index',
    'IMAGE_INVALID',
    {
      manifest: (document) => {
        document.mediaType = INDEX;
      },
      index: asManifest,
    },
  ],
  [
    'descriptor of another media type than the manifest',
    'BLOB_MEDIA_TYPE',
    {
      manifest: (document) => {
        document.mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
      },
      index: asManifest,
    },
  ],
  [
    'fields in another case',
    'IMAGE_INVALID',
    {
      manifest: (document) => {
        document.Layers = [];
      },
    },
  ],
  [
    'schemaVersion 1',
    'IMAGE_INVALID',
    { manifest: (document) => void Object.assign(document, { schemaVersion: 1 }) },
  ],
  [
    'layers that are not a list',
    'IMAGE_INVALID',
    { manifest: (document) => void Object.assign(document, { layers: 'x' }) },
  ],
  [
    'a layer of negative size',
    'IMAGE_INVALID',
    {
      manifest: ({ layers }) => {
        layers[0]!.size = -1;
      },
    },
  ],
  [
    'a layer with a bad digest',
    'DIGEST_INVALID',
    {
      manifest: ({ layers }) => {
        layers[0]!.digest = 'sha256:../x';
      },
    },
  ],
  [
    'an artifact',
    'IMAGE_INVALID',
    {
      manifest: ({ config }) => {
        config.mediaType = 'application/vnd.x+json';
      },
    },
  ],
  [
    'a manifest of unknown type',
    'IMAGE_INVALID',
    {
      index: ({ manifests }) => {
        manifests.at(-1)!.mediaType = 'x/y';
      },
    },
  ],
  [
    'a config without architecture',
    'IMAGE_INVALID',
    { config: (config) => void Object.assign(config, { architecture: 1 }) },
  ],
  [
    'a config without rootfs',
    'IMAGE_INVALID',
    { config: (config) => void Object.assign(config, { rootfs: null }) },
  ],
  [
    'malformed diff_ids',
    'DIGEST_INVALID',
    {
      config: ({ rootfs }) => {
        rootfs.diff_ids = ['sha256:abc'];
      },
    },
  ],
  [
    'more diff_ids than layers',
    'IMAGE_INVALID',
    { config: ({ rootfs }) => void rootfs.diff_ids.push(rootfs.diff_ids[0]!) },
  ],
  ['more layers than diff_ids', 'IMAGE_INVALID', { config: ({ rootfs }) => void rootfs.diff_ids.pop() }],
  [
    'Env that is not a list',
    'IMAGE_INVALID',
    { config: (config) => void Object.assign(config, { config: { Env: 'A=B' } }) },
  ],
  [
    'a config of another size',
    'BLOB_SIZE',
    {
      manifest: ({ config }) => {
        config.size += 1;
      },
    },
  ],
  [
    'a huge config',
    'LIMIT_EXCEEDED',
    {
      manifest: ({ config }) => {
        config.size = 2 ** 40;
      },
    },
  ],
  [
    'a huge manifest',
    'LIMIT_EXCEEDED',
    {
      index: ({ manifests }) => {
        manifests.at(-1)!.size = 2 ** 40;
      },
    },
  ],
];

function asManifest({ manifests }: Index): void {
  manifests.at(-1)!.mediaType = MANIFEST;
}

for (const [title, code, edit] of corruptions) {
  test(`refused: ${title}`, (t) => {
    const { layout } = buildImage(t, [[{ name: 'a' }]], { edit: edit! });
    t.throws(() => resolveReference(openLayout(layout), 'latest'), { code });
  });
}

test('refused: missing and changed manifests and configs', (t) => {
  for (const pick of [
    (image: ReturnType<typeof resolveReference>) => image.manifestDescriptor,
    (image: ReturnType<typeof resolveReference>) => image.configDescriptor,
  ]) {
    const { layout: path, blob } = buildImage(t, []);
    const layout = openLayout(path);
    const file = blob(pick(resolveReference(layout, 'latest')).digest);
    const content = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      content.replace(/\d/, (digit) => String(9 - Number(digit))),
    );
    t.throws(() => resolveReference(layout, 'latest'), { code: 'BLOB_DIGEST' });
    rmSync(file);
    t.throws(() => resolveReference(layout, 'latest'), { code: 'BLOB_NOT_FOUND' });
  }
});
