import { gzipSync } from 'node:zlib';
import { isLayerhookError } from '../../errors/index.js';
import { expect, expectPaths, expectTree } from '../case.js';
import { dir, file } from '../entries.js';
import { LayerModel } from '../model.js';
import { paxRecords, tar } from '../tar.js';
import { driverCase } from './workshop.js';

const odd = [
  Buffer.concat([tar([dir('d'), file('d/a', 'a')]), Buffer.alloc(10_240, 'after the trailer')]),
  tar([file('d/b', 'b')], { trailer: false }),
  tar([
    { name: 'global', type: 'global', content: paxRecords({ comment: 'as git archive writes' }) },
    file('d/c', 'c'),
  ]),
  tar([file('d/d', 'd'.repeat(5000)), file('d/.wh.a')]),
];

/** Unusual tars that a driver must accept. A store that identifies layers by diffIDs must count all bytes. */
export const tarCases = [
  driverCase({
    name: 'odd tars: data after the trailer, no trailer, a global header, several gzip members',
    rule: 'they are accepted, and digest and diffID include all bytes',
    source: 'POSIX pax; RFC 1952, "members": estargz writes such tars',
    run: async (workshop) => {
      const half = (bytes: Buffer) => bytes.length >> 1;
      const blob = (bytes: Buffer) =>
        Buffer.concat([gzipSync(bytes.subarray(0, half(bytes))), gzipSync(bytes.subarray(half(bytes)))]);
      const image = workshop.image(odd, { blob });
      for (let i = 0; i < 2; i++) {
        const tree = (await workshop.unpack(image)).tree();
        expectPaths(tree, { 'd/a': null, 'd/b': {}, 'd/c': {}, 'd/d': { size: 5000 } });
        expectTree(tree, LayerModel.of(odd).tree());
      }
    },
  }),
  driverCase({
    name: 'an owner that Linux cannot represent',
    rule: 'uid 4294967295 and above are refused with LAYER_ENTRY or TAR_INVALID, never made root',
    source: 'chown(2): -1 means "unchanged"',
    run: async (workshop) => {
      for (const uid of [4_294_967_295, 2 ** 40]) {
        const bundle = workshop.path('bundle');
        const outcome = await workshop.unpack([[file('f', '', { uid })]], { bundle }).catch((error) => error);
        const refused = isLayerhookError(outcome, 'LAYER_ENTRY') || isLayerhookError(outcome, 'TAR_INVALID');
        expect(refused, `uid ${uid} was unpacked, or failed otherwise: ${outcome}`);
        workshop.assertNothingLeft(bundle);
      }
    },
  }),
];
