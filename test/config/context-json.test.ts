import test from 'ava';
import { encodeContext } from '../../src/config/context-json.js';
import { imageContext, layerContext } from '../helpers/contexts.js';

test('simple values come first, then lists, then documents; one line', (t) => {
  const context = layerContext('/r', 1, { reference: 'a"b\nc' });
  const json = encodeContext('unpack.ociv1.layer.try-skip', context).toString();
  t.is(json.indexOf('\n'), json.length - 1);
  t.deepEqual(Object.keys(JSON.parse(json)), [
    'point',
    'bundle',
    'rootfs',
    'layout',
    'reference',
    'keepDirlinks',
    'treeID',
    'index',
    'diffID',
    'chainID',
    'blob',
    'blobOffset',
    'treeIDs',
    'lowerChainIDs',
    'chainIDs',
    'map',
    'state',
    'layers',
    'manifest',
    'manifestDescriptor',
    'config',
    'configDescriptor',
    'descriptor',
  ]);
});

test('names that are not UTF-8 go as base64', (t) => {
  const context = {
    ...layerContext('/r'),
    target: '/t',
    into: 'directory' as const,
    whiteouts: 'overlay' as const,
    applied: {
      digest: 'd',
      diffID: 'i',
      bytes: 5,
      entries: 2,
      unsettled: {
        implicitDirectories: ['h\u00c3\u00b6me', 'a\u00ff'],
        hidingDirectories: ['a\u00ff'],
        whiteouts: ['w'],
        lowerHardlinks: [{ path: 'x', target: '\u00ff' }],
        assumedDirectories: ['d'],
        assumedMissing: ['\u00ff'],
        refused: { name: 'n', reason: 'r' },
      },
    },
  };
  t.deepEqual(
    JSON.parse(encodeContext('unpack.ociv1.layer.post-extract', context).toString()).applied.unsettled,
    {
      implicitDirectories: [{ path: 'höme' }, { pathBase64: 'Yf8=' }],
      hidingDirectories: [{ pathBase64: 'Yf8=' }],
      whiteouts: [{ path: 'w' }],
      lowerHardlinks: [{ path: 'x', targetBase64: '/w==' }],
      assumedDirectories: [{ path: 'd' }],
      assumedMissing: [{ pathBase64: '/w==' }],
      refused: { name: 'n', reason: 'r' },
    },
  );
  const refresh = { ...imageContext('/r'), changes: [{ path: '\u00ff', kind: 'add' as const }], layer: null };
  const json = JSON.parse(encodeContext('repack.ociv1.layer.refresh-bundle', refresh).toString());
  t.deepEqual(json.changes, [{ pathBase64: '/w==', kind: 'add' }]);
  t.is(json.layer, null);
});
