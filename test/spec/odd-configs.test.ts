import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { generateSpec } from '../../src/spec/generate.js';
import type { RuntimeSpec } from '../../src/spec/types.js';
import { type BuiltImage, buildImage, type RawLayer } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import * as odd from './odd-configs.js';
import { comparable, isOld, umoci } from './umoci.js';

for (const [name, config] of Object.entries(odd.oddConfigs)) {
  const reason = odd.differences[name];
  rootTest(`${reason ? 'another' : 'the same'} config.json as umoci's: ${name}`, (t) => {
    if (!requires(t, umoci)) return;
    const files = etcFiles(config);
    const image = build(t, config, files);
    const theirs = theirSpec(t, image);
    const ours = ourSpec(t, image, files);
    if (ours === undefined || theirs === undefined) {
      t.is(
        ours === theirs,
        reason === undefined,
        `ours: ${ours !== undefined}, umoci: ${theirs !== undefined}`,
      );
      return;
    }
    const [a, b] = comparable(ours, theirs);
    const mayDiffer = reason !== undefined || (isOld(theirs) && name in odd.oldDifferences);
    if (mayDiffer) t.false(isDeepStrictEqual(a, b), 'the difference is gone: remove it from the list');
    else t.deepEqual(a, b);
  });
}

type Files = Record<string, string>;

function etcFiles({ passwd = odd.passwd, group = odd.group }: odd.OddConfig): Files {
  return { ...(passwd !== null && { passwd }), ...(group !== null && { group }) };
}

function build(
  t: ExecutionContext<unknown>,
  { config = {}, image }: odd.OddConfig,
  files: Files,
): BuiltImage {
  const entries = Object.entries(files).map(([name, content]) => ({ name: `etc/${name}`, content }));
  const layer: RawLayer = [{ name: 'etc/', type: 'dir' }, ...entries];
  const edit = { config: (document: object) => void Object.assign(document, { config }, image) };
  return buildImage(t, [layer], { edit });
}

/** @returns undefined if umoci refuses the image */
function theirSpec(t: ExecutionContext<unknown>, image: BuiltImage): RuntimeSpec | undefined {
  const bundle = join(tmpdir(t), 'bundle');
  const { status } = spawnSync(umoci, ['unpack', '--image', image.reference, bundle]);
  return status === 0 ? JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) : undefined;
}

/** @returns undefined if layerhook refuses the image */
function ourSpec(t: ExecutionContext<unknown>, image: BuiltImage, files: Files): RuntimeSpec | undefined {
  const rootfs = join(tmpdir(t), 'rootfs');
  mkdirSync(join(rootfs, 'etc'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(rootfs, 'etc', name), content);
  try {
    const read = resolveReference(openLayout(image.layout), 'latest');
    const map = { uidMappings: [], gidMappings: [], rootless: false };
    return JSON.parse(JSON.stringify(generateSpec(read, { rootfs, map })));
  } catch (error) {
    if (isLayerhookError(error, 'IMAGE_INVALID')) return undefined;
    throw error;
  }
}
