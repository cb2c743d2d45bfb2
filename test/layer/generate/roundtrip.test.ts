import { execFileSync } from 'node:child_process';
import test from 'ava';
import { filterChanges } from '../../../src/engine/repack/filter-changes.js';
import { mtreeDelta } from '../../../src/engine/repack/mtree-delta.js';
import { generateLayer } from '../../../src/layer/generate/generate.js';
import type { Change } from '../../../src/layer/types.js';
import { makeBundle } from '../../drivers/copy/bundle.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import { diffTrees, type Tree, treeOf } from '../../helpers/tree.js';
import { applyReference } from './apply-reference.js';
import { apply, edit, settle } from './edits.js';

const map = { uidMappings: [], gidMappings: [], rootless: false };
const edits = fc.array(edit, { minLength: 10, maxLength: 40, size: 'max' });

async function layerOf(rootfs: string, changes: Change[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of generateLayer({ rootfs, changes, map })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('any tree, any edits: the layer of what changed makes the one tree out of the other', async (t) => {
  if (!requires(t, 'root', 'python3')) return;
  const property = fc.asyncProperty(edits, edits, async (before, after) => {
    const bundle = await makeBundle(t, (at) => {
      apply(at('.'), before);
      settle(at('.'));
    });
    const lower = `${bundle.rootfs}-lower`;
    execFileSync('cp', ['-a', bundle.rootfs, lower]);
    const mtree = bundle.manifest();
    apply(bundle.rootfs, after);

    const changes = parse((await bundle.delta({ mtree }))!);
    const byManifest = filterChanges(await mtreeDelta({ rootfs: bundle.rootfs, mtreeFile: mtree }), []);
    const found = new Set(changes.map(({ path, kind }) => `${kind} ${path}`));
    for (const { path, kind } of byManifest)
      t.true(found.has(`${kind} ${path}`), `the stat index missed ${kind} ${path}`);

    const layer = await layerOf(bundle.rootfs, changes);
    t.true(layer.equals(await layerOf(bundle.rootfs, [...changes].reverse())), 'other bytes the second time');
    applyReference(lower, layer);
    t.deepEqual(diffTrees(inSeconds(bundle.rootfs), inSeconds(lower)), []);
  });
  await fc.assert(property, { numRuns: 20 });
});

/** A tree with its times cut to seconds, as they are in a layer. */
function inSeconds(root: string): Tree {
  const tree = treeOf(root);
  for (const entry of tree.values()) entry.mtime = entry.mtime.split('.')[0]!;
  return tree;
}

function parse(rows: string[]): Change[] {
  return rows.map((row) => {
    const [kind, path] = row.split(/ (.*)/s) as [Change['kind'], string];
    return { kind, path };
  });
}
