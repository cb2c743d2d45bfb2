import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { repack } from '../../../src/engine/repack/repack.js';
import { openLayout } from '../../../src/image/layout.js';
import { resolveReference } from '../../../src/image/resolve.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, type TreeEntry, treeOf } from '../../helpers/tree.js';
import { apply, type Edit, edit, settle } from './edits.js';
import { entriesOf } from './entries.js';

const edits = fc.array(edit, { minLength: 10, maxLength: 40, size: 'max' });

function layerNames(layout: string, tag: string, base: number): Map<string, string> {
  const opened = openLayout(layout);
  const { manifest } = resolveReference(opened, tag);
  if (manifest.layers.length === base) return new Map();
  const blob = readFileSync(opened.blobPlace(manifest.layers.at(-1)!.digest).path);
  return new Map(entriesOf(gunzipSync(blob)).map(({ name, type }) => [name.replace(/\/$/, ''), type]));
}

function umoci(...args: string[]): void {
  execFileSync('umoci', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Makes an image `base` with one layer: the tree. */
function makeImage(layout: string, tree: string, tar: string): void {
  const options = ['--format=pax', '--xattrs', '--xattrs-include=*'];
  execFileSync('tar', ['-C', tree, ...options, '-cf', tar, '.']);
  umoci('init', '--layout', layout);
  umoci('new', '--image', `${layout}:base`);
  umoci('raw', 'add-layer', '--image', `${layout}:base`, tar);
}

const examples: [before: Edit[], after: Edit[]][] = [
  // a name of a hardlink group comes, another one goes: umoci takes the new one for a file of its own
  [
    [
      { do: 'write', path: 'a-', n: 1 },
      { do: 'link', path: 'c', other: 'a-' },
    ],
    [{ do: 'rename', path: 'b', other: 'c' }],
  ],
  [
    [
      { do: 'device', path: 'a', n: 1 },
      { do: 'device', path: 'b', n: 2 },
    ],
    [{ do: 'rename', path: 'b', other: 'a' }],
  ],
];

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
    makeImage(layout, tree, join(dir, 'base.tar'));
    umoci('unpack', '--image', `${layout}:base`, theirs);
    const unpacked = treeOf(join(theirs, 'rootfs'));
    apply(join(theirs, 'rootfs'), after);
    const edited = treeOf(join(theirs, 'rootfs'));
    umoci('repack', '--image', `${layout}:theirs`, theirs);
    await repack({ image: `${layout}:ours`, bundle: theirs, hooksFile: null });

    const [a, b] = [layerNames(layout, 'theirs', 1), layerNames(layout, 'ours', 1)];
    for (const name of a.keys()) {
      t.true(b.has(name) || isBelowFile(name, b), `umoci has ${JSON.stringify(name)}, we have not`);
    }
    for (const [name, type] of b) {
      const expected =
        a.has(name) || isAboveAnother(name, b) || otherLinks(unpacked.get(name), edited.get(name));
      t.true(expected, `we have the ${type} ${JSON.stringify(name)}, umoci has not`);
    }
    umoci('unpack', '--image', `${layout}:ours`, ours);
    const ignore = (path: string, field: string) =>
      field === 'mtime' ||
      (['links', 'device'].includes(field) && looksTheSame(unpacked.get(path), edited.get(path)));
    t.deepEqual(diffTrees(edited, treeOf(join(ours, 'rootfs')), ignore), []);
  });
  await fc.assert(property, { numRuns: 12, examples });
});

/** umoci writes whiteouts below what is a directory no more, which we know to be harmful. */
function isBelowFile(name: string, entries: Map<string, string>): boolean {
  for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
    const type = entries.get(name.slice(0, end));
    if (type !== undefined && type !== 'directory') return true;
  }
  return false;
}

/** We write the directories above a change too, with their owner and mode. */
function isAboveAnother(name: string, entries: Map<string, string>): boolean {
  return name === '.' || [...entries.keys()].some((other) => other.startsWith(`${name}/`));
}

/** umoci compares the number of a file's links, not which they are. */
function otherLinks(was: TreeEntry | undefined, is: TreeEntry | undefined): boolean {
  return was !== undefined && is !== undefined && !isDeepStrictEqual(was.links, is.links);
}

/** Whether nothing has changed that umoci's manifest records: it has no device numbers either. */
function looksTheSame(was: TreeEntry | undefined, is: TreeEntry | undefined): boolean {
  if (was === undefined || is === undefined) return false;
  const recorded = ({ links, device, ...entry }: TreeEntry) => ({ ...entry, links: links?.length });
  return isDeepStrictEqual(recorded(was), recorded(is));
}
