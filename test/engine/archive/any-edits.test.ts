/** Any edits through any overlay: the image that an archive makes unpacks to what the container saw. */
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type ArchiveRequest, archiveUpperdir } from '../../../src/engine/archive/archive.js';
import { importImage, unpack } from '../../../src/index.js';
import { fromText } from '../../../src/system/bytes.js';
import { setXattr } from '../../../src/system/xattr.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, type Tree, treeOf } from '../../helpers/tree.js';
import { apply, type Edit, edit, settle } from '../../layer/generate/edits.js';
import { runsOf, seeds } from '../../overlay/any-layers.js';

const edits = fc.array(edit, { minLength: 10, maxLength: 60, size: 'max' });
const options = fc.constantFrom(
  'redirect_dir=off,metacopy=off,index=off',
  'redirect_dir=on,metacopy=on,index=on',
);
/** Marks of an overlay inside of the container, which the outer overlay escapes. */
const marks = fc.array(
  fc.record({
    path: fc.constantFrom('a', 'b', 'a/a', 'a/b', 'b/a'),
    name: fc.constantFrom('opaque', 'redirect', 'origin', 'overlay.opaque'),
    value: fc.constantFrom('y', 'x', '/a'),
  }),
  { maxLength: 3 },
);

interface Case {
  below: Edit[];
  lower: Edit[];
  upper: Edit[];
  mountOptions: string;
  inner: { path: string; name: string; value: string }[];
}

for (const seed of seeds) {
  rootTest(`an archive of any edits is an image of what the container saw: seed ${seed}`, async (t) => {
    if (!requires(t, 'tar')) return;
    const any = fc.record({ below: edits, lower: edits, upper: edits, mountOptions: options, inner: marks });
    const property = fc.asyncProperty(any, (one) => requireSame(t, one));
    await fc.assert(property, { numRuns: runsOf(12), ...(seed !== undefined && { seed }) });
  });
}

async function requireSame(t: ExecutionContext<unknown>, { below, lower, upper, mountOptions, inner }: Case) {
  const dir = tmpdir(t);
  const at = (name: string) => join(dir, name);
  for (const name of ['one', 'two', 'work2', 'three', 'work3', 'merged']) mkdirSync(at(name));
  apply(at('one'), below);
  settle(at('one'));
  const mount = (directories: string) =>
    execFileSync('mount', ['-t', 'overlay', '-o', `${directories},${mountOptions}`, 'overlay', at('merged')]);
  const unmount = () => execFileSync('umount', [at('merged')]);
  mount(`lowerdir=${at('one')},upperdir=${at('two')},workdir=${at('work2')}`);
  apply(at('merged'), lower);
  settle(at('merged'));
  const tarOptions = ['--format=pax', '--xattrs', '--xattrs-include=*', '--one-file-system'];
  execFileSync('tar', [...tarOptions, '-C', at('merged'), '-cf', at('base.tar'), '.']);
  unmount();
  const image = `${at('layout')}:latest`;
  await importImage({ image, tar: createReadStream(at('base.tar')), name: 'base.tar' });
  mount(`lowerdir=${at('two')}:${at('one')},upperdir=${at('three')},workdir=${at('work3')}`);
  try {
    apply(at('merged'), upper);
    mark(at('merged'), inner);
    await archiveUpperdir(request(at('three'), [at('two'), at('one')], image), { hooksFile: null });
    const seen = inSeconds(at('merged'));
    await unpack({ image, bundle: at('bundle'), driver: 'copy', hooksFile: null });
    const unpacked = inSeconds(join(at('bundle'), 'rootfs'));
    // the upperdir's own time, which the engine made
    for (const tree of [seen, unpacked]) tree.get('.')!.mtime = '';
    // a file that was copied up without a change is apart from its other names
    t.deepEqual(
      diffTrees(seen, unpacked, (_, field) => field === 'links'),
      [],
    );
  } finally {
    unmount();
    rmSync(dir, { recursive: true });
  }
}

function mark(root: string, inner: Case['inner']): void {
  for (const { path, name, value } of inner) {
    try {
      setXattr(fromText(join(root, path)), `trusted.overlay.${name}`, Buffer.from(value));
    } catch (error) {
      if (!('code' in (error as object))) throw error;
    }
  }
}

function request(upperdir: string, lowerdirs: string[], destination: string): ArchiveRequest {
  return {
    ...{ state: { id: 'box' }, name: 'data', key: 'k', mountPoint: '/data', owner: '', replace: false },
    ...{ upperdir, lowerdirs, destination, overlay: 'trusted', method: 'oci', whiteout: 'overlay' },
  };
}

/** A tree with its times cut to seconds, as they are in a layer. */
function inSeconds(root: string): Tree {
  const tree = treeOf(root);
  for (const entry of tree.values()) entry.mtime = entry.mtime.split('.')[0]!;
  return tree;
}
