import test from 'ava';
import {
  algorithmOf,
  compressionOfMediaType,
  compressions,
  createCompressor,
  createDecompressor,
  detectCompression,
} from '../../../src/layer/compression/index.js';
import { layerhook } from '../../helpers/cli.js';
import { tar } from '../../helpers/tar.js';
import { through } from './helpers.js';

const content = tar([{ name: 'f', content: 'x'.repeat(5000) }]);

for (const name of compressions) {
  const { levels, suffix, isAvailable } = algorithmOf(name);

  test(`${name}: each level gives a blob that is detected and read again`, async (t) => {
    if (!(await isAvailable())) return t.pass();
    for (const level of [levels.least - 1, levels.least, levels.usual, levels.most, levels.most + 1]) {
      const blob = await through(await createCompressor(name, { level }), content);
      t.is(detectCompression(blob), name);
      t.true((await through(await createDecompressor(name, 'sha256:x'), blob)).equals(content));
    }
  });

  test(`${name}: all media types of layers with its suffix name it`, (t) => {
    const oci = suffix && `+${suffix}`;
    const docker = suffix && `.${suffix}`;
    for (const mediaType of [
      `application/vnd.oci.image.layer.v1.tar${oci}`,
      `application/vnd.oci.image.layer.nondistributable.v1.tar${oci}`,
      `application/vnd.docker.image.rootfs.diff.tar${docker}`,
      `application/vnd.docker.image.rootfs.foreign.diff.tar${docker}`,
    ]) {
      t.is(compressionOfMediaType(mediaType, 'sha256:x'), name, mediaType);
    }
  });
}

test('--compress offers all of them', async (t) => {
  const { stdout } = await layerhook(['repack', '--help']);
  for (const name of compressions) t.regex(stdout, new RegExp(`--compress[^-]*\\b${name}\\b`));
  const { stderr } = await layerhook(['repack', '--image', 'a', '--compress', 'lzma', 'b']);
  t.true(stderr.includes(`use one of auto, ${compressions.join(', ')}`), stderr);
});
