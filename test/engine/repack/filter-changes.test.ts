import test from 'ava';
import { filterChanges } from '../../../src/engine/repack/filter-changes.js';
import type { Change } from '../../../src/layer/types.js';
import { fromText } from '../../../src/system/bytes.js';

const delta: Change[] = [
  { path: '.', kind: 'modify' },
  { path: 'data', kind: 'modify' },
  { path: 'data/x', kind: 'add' },
  { path: 'data-2', kind: 'add' },
  { path: 'var/cache/a', kind: 'delete' },
];

function paths(changes: Change[]): string[] {
  return changes.map(({ path }) => path);
}

test('a masked path and what is below it does not count', (t) => {
  t.deepEqual(paths(filterChanges(delta, ['/data', 'var/cache/'])), ['.', 'data-2']);
  t.deepEqual(paths(filterChanges(delta, ['/var/../data/./'])), ['.', 'data-2', 'var/cache/a']);
});

test('the rootfs cannot be masked, as with umoci', (t) => {
  t.deepEqual(filterChanges(delta, ['/', '.', '']), delta);
});

test('masks are text, changes are bytes', (t) => {
  t.deepEqual(filterChanges([{ path: fromText('caf\u00e9/x'), kind: 'add' }], ['/caf\u00e9']), []);
});

test('a deletion takes the deletions below it with it, not its neighbours', (t) => {
  const deletions: Change[] = ['d/x', 'd', 'd/x/y', 'd-e', 'e/x'].map((path) => ({ path, kind: 'delete' }));
  t.deepEqual(paths(filterChanges(deletions, [])), ['d', 'd-e', 'e/x']);
});
