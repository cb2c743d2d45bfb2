import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LayerModel, readTree, tar } from '../../src/testing/index.js';
import { changedLayer } from '../helpers/debian-changes.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

const own = changedLayer().filter(({ name, linkname }) => !/\.wh\./.test(name) && linkname !== 'bin/bash');
const lists = (name: string) => own.some((entry) => entry.name.startsWith(`${name}/`));

test('a tree is listed as Python lists it', (t) => {
  if (!requires(t, 'root', 'tar', 'python3')) return;
  const root = tmpdir(t);
  extract(root);
  t.true(treeOf(root).size > 20);
  t.deepEqual(diffTrees(readTree(root), treeOf(root)), []);
});

test('the model of one layer is what GNU tar extracts', (t) => {
  if (!requires(t, 'root', 'tar', 'python3')) return;
  const root = join(tmpdir(t), 'root');
  mkdirSync(root, { mode: 0o755 });
  extract(root);
  // what the tar does not list, GNU tar makes with the time of now
  const implicit = (path: string, field: string) =>
    field === 'mtime' && (path === '.' || (lists(path) && !own.some(({ name }) => name === `${path}/`)));
  t.deepEqual(diffTrees(LayerModel.of([own]).tree(), treeOf(root), implicit), []);
});

function extract(root: string): void {
  execFileSync('tar', ['-x', '-p', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-C', root], {
    input: tar(own),
  });
}
