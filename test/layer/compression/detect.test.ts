import { gzipSync } from 'node:zlib';
import test from 'ava';
import { isLayerhookError } from '../../../src/errors/index.js';
import { compressionOfMediaType, detectCompression } from '../../../src/layer/compression/index.js';
import { tar } from '../../helpers/tar.js';

test('compression shows in the first bytes', (t) => {
  t.is(detectCompression(gzipSync('x')), 'gzip');
  t.is(detectCompression(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])), 'zstd');
  t.is(detectCompression(Buffer.from([0x50, 0x2a, 0x4d, 0x18])), 'zstd');
  t.is(detectCompression(Buffer.from([0x5f, 0x2a, 0x4d, 0x18])), 'zstd');
  t.is(detectCompression(Buffer.from([0x60, 0x2a, 0x4d, 0x18])), 'none');
  t.is(detectCompression(tar([{ name: 'f' }])), 'none');
  t.is(detectCompression(Buffer.from([0x1f])), 'none');
  t.is(detectCompression(Buffer.alloc(0)), 'none');
  t.is(detectCompression(Buffer.from('..\x28\xb5\x2f\xfd', 'latin1').subarray(2)), 'zstd');
});

test('media types of OCI and Docker name it', (t) => {
  const compressions = {
    'application/vnd.oci.image.layer.v1.tar': 'none',
    'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
    'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip': 'gzip',
    'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'gzip',
  } as const;
  for (const [mediaType, compression] of Object.entries(compressions)) {
    t.is(compressionOfMediaType(mediaType, 'x'), compression, mediaType);
  }
});

test('other media types are refused', (t) => {
  for (const mediaType of [
    'application/vnd.oci.image.config.v1+json',
    'application/vnd.oci.image.layer.v1.tar+xz',
    '',
  ]) {
    const error = t.throws(() => compressionOfMediaType(mediaType, 'x'));
    t.true(isLayerhookError(error, 'LAYER_MEDIA_TYPE'), mediaType);
  }
});
