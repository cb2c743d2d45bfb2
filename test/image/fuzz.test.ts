import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { statJson } from '../../src/cli/umoci/stat-json.js';
import { statText } from '../../src/cli/umoci/stat-text.js';
import { isLayerhookError } from '../../src/errors/index.js';
import { collectGarbage } from '../../src/image/gc.js';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { statImage } from '../../src/image/stat.js';
import type { ImageConfig, Index, Manifest } from '../../src/image/types.js';
import { layerSources } from '../../src/layer/sources.js';
import { buildImage, type ImageOptions, writeImage } from '../helpers/image.js';
import fc from '../helpers/properties.js';

const odd = fc.oneof(
  fc.constantFrom(null, 0, -1, 1.5, 2 ** 53, '', 'sha256:', true, [], {}, [null], { a: null }, [[]], [{}]),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Sets the value at a path of keys; what is not there stays away. */
function plant(document: unknown, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (typeof document !== 'object' || document === null || key === undefined) return;
  const object = document as Record<string, unknown>;
  if (rest.length === 0) object[key] = structuredClone(value);
  else plant(object[key], rest, value);
}

const descriptor = ['mediaType', 'digest', 'size', 'annotations', 'data', 'platform', 'urls', 'artifactType'];
const at = (path: string[], keys: string[]) => keys.map((key) => [...path, key]);
const places = {
  index: [
    ...at([], ['schemaVersion', 'mediaType', 'manifests', 'subject', 'annotations']),
    ...at(['manifests', '0'], descriptor),
    ...at(['manifests', '0', 'annotations'], ['org.opencontainers.image.ref.name', 'other']),
  ],
  manifest: [
    ...at(
      [],
      [
        'schemaVersion',
        'mediaType',
        'config',
        'layers',
        'manifests',
        'subject',
        'annotations',
        'artifactType',
      ],
    ),
    ...at(['config'], descriptor),
    ...at(['layers', '0'], descriptor),
    ['layers', '0'],
  ],
  config: [
    ...at(
      [],
      [
        'architecture',
        'os',
        'os.version',
        'os.features',
        'variant',
        'created',
        'author',
        'config',
        'rootfs',
        'history',
      ],
    ),
    ...at(['rootfs'], ['type', 'diff_ids']),
    ...at(
      ['config'],
      [
        'User',
        'Env',
        'Entrypoint',
        'Cmd',
        'Volumes',
        'ExposedPorts',
        'Labels',
        'WorkingDir',
        'StopSignal',
        'ArgsEscaped',
      ],
    ),
    ...at(['history', '0'], ['created', 'created_by', 'author', 'comment', 'empty_layer']),
    ['history', '0'],
    ['rootfs', 'diff_ids', '0'],
  ],
} as const;

for (const document of ['index', 'manifest', 'config'] as const) {
  test(`any value in a ${document} is read, or refused with a typed error`, async (t) => {
    const path = buildImage(t, []).layout;
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places[document]), odd, async (place, value) => {
        rmSync(join(path, 'index.json'));
        const edit = {
          [document]: (content: Index | Manifest | ImageConfig) => plant(content, place, value),
        };
        writeImage(path, [[{ name: 'a' }]], { edit } as ImageOptions);
        try {
          const layout = openLayout(path);
          const stat = statImage(layout, 'latest');
          t.is(typeof statText(stat), 'string');
          JSON.parse(statJson(stat));
          layerSources(layout, resolveReference(layout, 'latest'));
          await collectGarbage(layout);
        } catch (error) {
          failures += 1;
          if (!isLayerhookError(error)) throw error;
        }
      }),
      { numRuns: 400 },
    );
    t.true(failures > 20 && failures < 400, `${failures} failures`);
  });
}

test('any bytes in index.json and oci-layout are read, or refused with a typed error', (t) => {
  const { layout: path } = buildImage(t, []);
  for (const name of ['index.json', 'oci-layout']) {
    const good = readFileSync(join(path, name));
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.uint8Array({ maxLength: 4 }),
        fc.nat(4),
        (start, bytes, cut) => {
          writeFileSync(
            join(path, name),
            Buffer.concat([good.subarray(0, start), bytes, good.subarray(start + cut)]),
          );
          try {
            resolveReference(openLayout(path), 'latest');
          } catch (error) {
            if (!isLayerhookError(error)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
    writeFileSync(join(path, name), good);
  }
  t.notThrows(() => resolveReference(openLayout(path), 'latest'));
});
