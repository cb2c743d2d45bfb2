import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { statJson } from '../../src/cli/umoci/stat-json.js';
import { statText } from '../../src/cli/umoci/stat-text.js';
import { isLayerhookError } from '../../src/errors/index.js';
import { openLayout } from '../../src/image/layout.js';
import { ImageMutation } from '../../src/image/mutate.js';
import { listTags } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { statImage } from '../../src/image/stat.js';
import type { Descriptor } from '../../src/image/types.js';
import { generateSpec } from '../../src/spec/generate.js';
import { put, sha256 } from '../helpers/image.js';
import fc from '../helpers/properties.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

/*
 * null, missing and empty mean the same, at every path of every document: the result is that of the image without the
 * key, or one clear error.
 */

type Json = Record<string, unknown>;
type Place = readonly (string | number)[];

const kinds = ['index', 'inner', 'manifest', 'config'] as const;
type Kind = (typeof kinds)[number];

const layer = tar([{ name: 'a', content: '1' }]);
const oci = 'application/vnd.oci.image.';
const platform = {
  architecture: 'amd64',
  os: 'linux',
  'os.version': '1',
  'os.features': ['x'],
  variant: 'v1',
};
const extras = {
  urls: ['https://example.org'],
  annotations: { k: 'v' },
  artifactType: 'a/b',
  platform,
  unknown: null,
};
const config = {
  created: '2021-01-01T00:00:00Z',
  author: 'me',
  ...platform,
  config: {
    User: '7',
    ExposedPorts: { '80/tcp': {} },
    Env: ['A=b'],
    Entrypoint: ['/e'],
    Cmd: ['/c'],
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    Labels: { l: 'm' },
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['CMD', 'x'] },
    Memory: 1,
    Unknown: null,
  },
  rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
  history: [
    { created: '2021-01-01T00:00:00Z', created_by: 'x', author: 'y', comment: 'z', empty_layer: false },
  ],
  unknown: null,
};

/** Writes an image with every field of every document, after `edit` has changed each of them. */
function write(layout: string, edit: (kind: Kind, document: Json) => void): void {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const store = (kind: Kind, document: Json, mediaType: string): Descriptor => {
    const copy = structuredClone(document);
    edit(kind, copy);
    return put(layout, Buffer.from(JSON.stringify(copy)), mediaType);
  };
  const common = { schemaVersion: 2, artifactType: 'x/y', annotations: { a: 'b' }, unknown: null };
  const manifest = {
    ...{ ...common, mediaType: `${oci}manifest.v1+json` },
    config: { ...store('config', config, `${oci}config.v1+json`), ...extras },
    layers: [{ ...put(layout, layer, `${oci}layer.v1.tar`), ...extras }],
  };
  const child = { ...store('manifest', manifest, manifest.mediaType), ...extras };
  const index = { ...common, mediaType: `${oci}index.v1+json` };
  const inner = store('inner', { ...index, manifests: [child] }, index.mediaType);
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const top: Json = structuredClone({ ...index, manifests: [{ ...inner, ...extras, annotations }] });
  edit('index', top);
  writeFileSync(join(layout, 'index.json'), JSON.stringify(top));
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

/** Returns all that layerhook makes of the image, or the code of its error. */
function outcome(layout: string): unknown {
  try {
    const opened = openLayout(layout);
    const stat = statImage(opened, 'latest');
    JSON.parse(statJson(stat));
    const image = resolveReference(opened, 'latest');
    const map = { uidMappings: [], gidMappings: [], rootless: false };
    const spec = generateSpec(image, { rootfs: join(layout, 'rootfs'), map });
    const text = statText(stat).replace(/sha256:\w+|Size: .*|Media Type: .*|\d+B/g, '');
    return JSON.parse(JSON.stringify({ tags: listTags(opened), reference: image.reference, text, spec }));
  } catch (error) {
    if (isLayerhookError(error)) return error.code;
    throw error;
  }
}

/** Lists the paths of all values below a value. */
function placesIn(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const place = [...at, Array.isArray(value) ? Number(key) : key];
    return [place, ...placesIn(child, place)];
  });
}

function allPlaces(t: ExecutionContext): { kind: Kind; place: Place }[] {
  const found: { kind: Kind; place: Place }[] = [];
  write(join(tmpdir(t), 'layout'), (kind, document) => {
    for (const place of placesIn(document)) found.push({ kind, place });
  });
  return found;
}

function parentOf(document: Json, place: Place): Json | undefined {
  return place.slice(0, -1).reduce<unknown>((value, key) => (value as Json | undefined)?.[key], document) as
    | Json
    | undefined;
}

function emptied(value: unknown): unknown {
  if (typeof value === 'string') return '';
  if (typeof value === 'number') return 0;
  if (typeof value === 'boolean') return false;
  return Array.isArray(value) ? [] : value && {};
}

const forms: Readonly<Record<string, (parent: Json, key: string | number) => void>> = {
  null: (parent, key) => {
    parent[key] = null;
  },
  empty: (parent, key) => {
    parent[key] = emptied(parent[key]);
  },
  missing: (parent, key) => {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  },
};

const maps = ['annotations', 'Labels', 'ExposedPorts', 'Volumes'];

/** True where an empty value is a value: items of lists, keys that the image's author chose, and sizes. */
function isItem(place: Place): boolean {
  const [parent, key] = place.slice(-2);
  return typeof place.at(-1) === 'number' || key === 'size' || maps.includes(String(parent));
}

test('at every path, null and empty do what a missing key does, or are one clear error', (t) => {
  const dir = tmpdir(t);
  const places = allPlaces(t);
  t.true(places.length > 120, `${places.length} paths`);
  for (const [at, { kind, place }] of places.entries()) {
    const got: Record<string, unknown> = {};
    for (const [form, edit] of Object.entries(forms)) {
      const layout = join(dir, `${at}-${form}`);
      write(layout, (which, document) => {
        if (which === kind) edit(parentOf(document, place)!, place.at(-1)!);
      });
      got[form] = outcome(layout);
    }
    const what = `${kind} ${place.join('.')}`;
    for (const form of ['null', 'empty']) {
      if (typeof got[form] === 'string') continue;
      const allowed = isItem(place) ? [got.missing, got.empty] : [got.missing];
      if (!allowed.some((other) => isDeepStrictEqual(other, got[form])))
        t.deepEqual(got[form], got.missing, `${what}: ${form}`);
    }
  }
});

test('fields that umoci 0.6, skopeo and podman accept as null, empty or missing are accepted', (t) => {
  const dir = tmpdir(t);
  const accepted: [Kind, ...Place][] = [
    ...kinds.slice(0, 3).flatMap((kind): [Kind, ...Place][] => [
      [kind, 'schemaVersion'],
      [kind, 'mediaType'],
      [kind, 'artifactType'],
      [kind, 'annotations'],
    ]),
    ...[['config'], ['layers', 0]].flatMap((at): [Kind, ...Place][] =>
      ['platform', 'annotations', 'urls', 'artifactType'].map((key) => ['manifest', ...at, key]),
    ),
    ['inner', 'manifests', 0, 'platform'],
    ['inner', 'manifests', 0, 'platform', 'os'],
    ['inner', 'manifests', 0, 'platform', 'architecture'],
    ...['created', 'author', 'architecture', 'variant', 'os.version', 'os.features', 'config', 'history'].map(
      (key): [Kind, ...Place] => ['config', key],
    ),
    ...Object.keys(config.config).map((key): [Kind, ...Place] => ['config', 'config', key]),
    ['config', 'history', 0],
    ...Object.keys(config.history[0]!).map((key): [Kind, ...Place] => ['config', 'history', 0, key]),
  ];
  for (const [kind, ...place] of accepted) {
    for (const [form, edit] of Object.entries(forms)) {
      const layout = join(dir, `${kind}-${place.join('-')}-${form}`);
      write(layout, (which, document) => {
        if (which === kind) edit(parentOf(document, place)!, place.at(-1)!);
      });
      t.is(typeof outcome(layout), 'object', `${kind} ${place.join('.')}: ${form}: ${outcome(layout)}`);
    }
  }
});

test('any combination of nulls and empty values is read, or is one clear error', (t) => {
  const places = allPlaces(t);
  const dir = tmpdir(t);
  let count = 0;
  const edits = fc.array(fc.tuple(fc.constantFrom(...places), fc.constantFrom(...Object.keys(forms))), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(edits, (chosen) => {
      const layout = join(dir, `${count++}`);
      write(layout, (which, document) => {
        for (const [{ kind, place }, form] of chosen) {
          const parent = kind === which ? parentOf(document, place) : undefined;
          if (typeof parent === 'object' && parent !== null) forms[form]!(parent, place.at(-1)!);
        }
      });
      t.truthy(outcome(layout));
    }),
    { numRuns: 200 },
  );
});

test('rewriting keeps unknown fields and adds no null', async (t) => {
  const path = join(tmpdir(t), 'layout');
  write(path, () => {});
  const layout = openLayout(path);
  const mutation = new ImageMutation(layout, resolveReference(layout, 'latest'));
  mutation.addHistory({ created_by: 'x' });
  await mutation.commit('new');
  await layout.close();
  const read = (blob: string) => JSON.parse(readFileSync(blob, 'utf8')) as Json;
  const blobOf = (descriptor: unknown) => read(layout.blobPlace((descriptor as Descriptor).digest).path);
  const top = read(join(path, 'index.json'));
  const root = (top.manifests as Descriptor[]).at(-1)!;
  const inner = blobOf(root);
  const child = (inner.manifests as Descriptor[])[0]!;
  const manifest = blobOf(child);
  const after = blobOf(manifest.config);
  const nulls = (value: Json) =>
    placesIn(value)
      .filter((place) => parentOf(value, place)?.[place.at(-1)!] === null)
      .map((place) => place.join('.'));
  t.deepEqual(nulls(top), ['unknown', 'manifests.0.unknown', 'manifests.1.unknown']);
  t.deepEqual(nulls(inner), ['unknown', 'manifests.0.unknown']);
  t.deepEqual(nulls(manifest), ['unknown', 'config.unknown', 'layers.0.unknown']);
  t.deepEqual(nulls(after), ['config.Unknown', 'unknown']);
  t.like(after.config as Json, { Memory: 1, Healthcheck: { Test: ['CMD', 'x'] } });
  const { digest: _, size: __, ...rest } = child;
  t.deepEqual(rest, { mediaType: `${oci}manifest.v1+json`, ...extras } as unknown as typeof rest);
});
