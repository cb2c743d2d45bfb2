import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { repack } from '../../../src/engine/repack.js';
import { openLayout } from '../../../src/image/layout.js';
import { resolveReference } from '../../../src/image/resolve.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { apply, edit, settle } from './edits.js';
import { entriesOf } from './entries.js';

const edits = fc.array(edit, { minLength: 10, maxLength: 40, size: 'max' });

function layerNames(layout: string, tag: string, base: number): Map<string, string> {
  const opened = openLayout(layout);
  const { manifest } = resolveReference(opened, tag);
  if (manifest.layers.length === base) return new Map();
  const blob = readFileSync(opened.blobPath(manifest.layers.at(-1)!.digest));
  return new Map(entriesOf(gunzipSync(blob)).map(({ name, type }) => [name.replace(/\/$/, ''), type]));
}

test('any edits: what umoci puts into a layer is in ours, and umoci unpacks ours to the edited tree', async (t) => {
  if (!requires(t, 'root', 'umoci', 'tar')) return;
  const property = fc.asyncProperty(edits, edits, async (before, after) => {
    const dir = tmpdir(t);
    const [tree, layout, theirs, ours] = ['tree', 'layout', 'theirs', 'ours'].map((name) =>
      join(dir, name),
    ) as [string, string, string, string];
    mkdirSync(tree);
    apply(tree, before);
    settle(tree);
    const umoci = (...args: string[]) => execFileSync('umoci', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    execFileSync('tar', [
      '-C',
      tree,
      '--format=pax',
      '--xattrs',
      '--xattrs-include=*',
      '-cf',
      join(dir, 'base.tar'),
      '.',
    ]);
    umoci('init', '--layout', layout);
    umoci('new', '--image', `${layout}:base`);
    umoci('raw', 'add-layer', '--image', `${layout}:base`, join(dir, 'base.tar'));
    umoci('unpack', '--image', `${layout}:base`, theirs);
    apply(join(theirs, 'rootfs'), after);
    umoci('repack', '--image', `${layout}:theirs`, theirs);
    await repack({ image: `${layout}:ours`, bundle: theirs, hooksFile: null });

    const [a, b] = [layerNames(layout, 'theirs', 1), layerNames(layout, 'ours', 1)];
    for (const name of a.keys()) {
      t.true(b.has(name) || isBelowFile(name, b), `umoci has ${JSON.stringify(name)}, we have not`);
    }
    for (const [name, type] of b) {
      t.true(
        a.has(name) || type === 'directory' || type === 'hardlink',
        `we have ${JSON.stringify(name)}, umoci has not`,
      );
    }
    umoci('unpack', '--image', `${layout}:ours`, ours);
    const ignore = (_: string, field: string) => field === 'mtime';
    t.deepEqual(diffTrees(treeOf(join(theirs, 'rootfs')), treeOf(join(ours, 'rootfs')), ignore), []);
  });
  await fc.assert(property, { numRuns: 10 });
});

/** umoci writes whiteouts below what is a directory no more, which we know to be harmful. */
function isBelowFile(name: string, entries: Map<string, string>): boolean {
  for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
    const type = entries.get(name.slice(0, end));
    if (type !== undefined && type !== 'directory') return true;
  }
  return false;
}
