import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { generateLayer } from '../../../src/layer/generate/generate.js';
import type { Change } from '../../../src/layer/types.js';
import { upperdirChanges } from '../../../src/overlay/changes/upperdir-changes.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, type Tree, treeOf } from '../../helpers/tree.js';
import { applyReference } from '../../layer/generate/apply-reference.js';
import { apply, edit, settle } from '../../layer/generate/edits.js';
import { mounted } from '../../overlay/mounted.js';
import { makeBundle } from '../copy/bundle.js';
import { overlayBundles } from './bundles.js';

const map = { uidMappings: [], gidMappings: [], rootless: false };
const edits = fc.array(edit, { minLength: 20, maxLength: 60, size: 'max' });
const options = fc.constantFrom(
  'redirect_dir=off,metacopy=off,index=off',
  'redirect_dir=on,metacopy=on,index=on',
  'userxattr',
);

async function layerOf(rootfs: string, changes: Change[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of generateLayer({ rootfs, changes, map })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What the copy driver finds if the tree below was unpacked, and then made like the one that is mounted. */
async function copyDriverChanges(t: ExecutionContext, below: string, merged: string): Promise<Change[]> {
  const bundle = await makeBundle(t, (at) => execFileSync('cp', ['-aT', below, at('.')]));
  const mtree = bundle.manifest();
  execFileSync('find', [bundle.rootfs, '-mindepth', '1', '-delete']);
  execFileSync('cp', ['-aT', merged, bundle.rootfs]);
  return (await bundle.delta({ mtree }))!.map((row) => {
    const [kind, path] = row.split(/ (.*)/s) as [Change['kind'], string];
    return { kind, path };
  });
}
test('any layers, any edits through a mount: the layer makes the tree below into the one that is mounted', async (t) => {
  if (!requires(t, 'root', 'mount', 'python3')) return;
  const property = fc.asyncProperty(
    edits,
    edits,
    edits,
    options,
    async (first, second, third, mountOptions) => {
      const format = mountOptions === 'userxattr' ? 'user' : 'trusted';
      // the second layer is the upperdir of another mount: it may have anything that overlayfs writes
      const one = mounted(t, [(at) => apply(at('.'), first)], { options: mountOptions });
      apply(one.merged, second);
      settle(one.merged);
      execFileSync('umount', [one.merged]);
      const lowerdirs = [one.upperdir, ...one.lowerdirs];
      const dir = tmpdir(t);
      const at = (name: string) => join(dir, name);
      execFileSync('mkdir', [at('upper'), at('work'), at('merged'), at('below'), at('copy')]);
      const mount = (directories: string) =>
        execFileSync('mount', [
          '-t',
          'overlay',
          '-o',
          `${directories},${mountOptions}`,
          'overlay',
          at('merged'),
        ]);
      mount(`lowerdir=${lowerdirs.join(':')}`);
      execFileSync('cp', ['-aT', at('merged'), at('below')]);
      execFileSync('umount', [at('merged')]);
      settle(at('upper'));
      mount(`lowerdir=${lowerdirs.join(':')},upperdir=${at('upper')},workdir=${at('work')}`);
      try {
        apply(at('merged'), third);
        const { changes } = await upperdirChanges({ upperdir: at('upper'), lowerdirs, format });
        const asCopied = await copyDriverChanges(t, at('below'), at('merged'));

        execFileSync('cp', ['-aT', at('below'), at('copy')]);
        applyReference(at('below'), await layerOf(at('merged'), changes));
        const changed = new Set(changes.map(({ path }) => path));
        // a file that was copied up without a change is apart from its other names
        const ignore = (path: string, field: string) => field === 'links' && !changed.has(path);
        t.deepEqual(diffTrees(inSeconds(at('merged')), inSeconds(at('below')), ignore), []);

        applyReference(at('copy'), await layerOf(at('merged'), asCopied));
        t.deepEqual(diffTrees(inSeconds(at('copy')), inSeconds(at('below')), ignore), []);
      } finally {
        execFileSync('umount', [at('merged')]);
      }
    },
  );
  await fc.assert(property, { numRuns: 8 });
});

test('any edits of a bundle: umoci and the copy driver unpack its layer to the same tree, and a refresh shows it', async (t) => {
  if (!requires(t, 'root', 'umoci', 'tar')) return;
  const property = fc.asyncProperty(edits, edits, edits, async (first, second, third) => {
    const dir = tmpdir(t);
    const at = (name: string) => join(dir, name);
    const umoci = (...args: string[]) => execFileSync('umoci', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    mkdirSync(at('tree'));
    apply(at('tree'), first);
    settle(at('tree'));
    const tarOptions = ['--format=pax', '--xattrs', '--xattrs-include=*'];
    execFileSync('tar', [...tarOptions, '-C', at('tree'), '-cf', at('base.tar'), '.']);
    umoci('init', '--layout', at('layout'));
    umoci('new', '--image', `${at('layout')}:base`);
    umoci('raw', 'add-layer', '--image', `${at('layout')}:base`, at('base.tar'));

    const bundles = overlayBundles(t, at('layout'));
    await bundles.unpack('base');
    apply(bundles.rootfs(), second);
    await bundles.repack('one', undefined, { refreshBundle: true });
    apply(bundles.rootfs(), third);
    const edited = treeOf(bundles.rootfs());
    await bundles.repack('two');
    umoci('unpack', '--image', `${at('layout')}:two`, at('umoci'));
    await unpack({ image: `${at('layout')}:two`, bundle: at('copy'), hooksFile: null });
    await bundles.repack('three', undefined, { refreshBundle: true });

    const [theirs, copy] = [treeOf(at('umoci/rootfs')), treeOf(at('copy/rootfs'))];
    const notTime = (_: string, field: string) => field === 'mtime' || field === 'links';
    t.deepEqual(diffTrees(edited, theirs, notTime), []);
    t.deepEqual(diffTrees(edited, copy, notTime), []);
    t.deepEqual(diffTrees(treeOf(bundles.rootfs()), copy), []);
    t.like(await bundles.repack('four'), { changes: 0 });
    execFileSync('umount', [bundles.rootfs()]);
  });
  await fc.assert(property, { numRuns: 3 });
});

/** A tree with its times cut to seconds, as they are in a layer. */
function inSeconds(root: string): Tree {
  const tree = treeOf(root);
  for (const entry of tree.values()) entry.mtime = entry.mtime.split('.')[0]!;
  return tree;
}
