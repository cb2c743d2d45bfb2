import test from 'ava';
import { type Lookup, planLayer } from '../../../src/layer/generate/plan.js';
import type { Change } from '../../../src/layer/types.js';
import { ancestors } from '../../../src/system/paths.js';

/** A rootfs as a table: path to type; what is not in it is not there. */
function tree(types: Record<string, ReturnType<Lookup>>): Lookup {
  return (path) => types[path] ?? null;
}

function changes(...rows: string[]): Change[] {
  return rows.map((row) => {
    const [kind, path] = row.split(' ') as [Change['kind'], string];
    return { kind, path };
  });
}

test('whiteouts come first and everything is sorted bytewise', (t) => {
  const plan = planLayer(
    changes('add z', 'delete b', 'add a\u00ff', 'delete a/x', 'add a-b', 'modify .'),
    tree({ z: 'file', 'a\u00ff': 'file', a: 'directory', 'a-b': 'file', '.': 'directory' }),
  );
  t.deepEqual(plan.whiteouts, ['.wh.b', 'a/.wh.x']);
  t.deepEqual(plan.entries, ['.', 'a', 'a-b', 'a\u00ff', 'z']);
});

test('directories above a changed or deleted path are entries, the rootfs is not', (t) => {
  const plan = planLayer(
    changes('modify a/b/c', 'delete d/e'),
    tree({ a: 'directory', 'a/b': 'directory', 'a/b/c': 'file', d: 'directory' }),
  );
  t.deepEqual(plan.entries, ['a', 'a/b', 'a/b/c', 'd']);
});

test('a deleted directory needs one whiteout, without those for entries below it', (t) => {
  const plan = planLayer(changes('delete d/x/y', 'delete d', 'delete d/x'), tree({}));
  t.deepEqual(plan, { whiteouts: ['.wh.d'], entries: [], sockets: [] });
});

test('the highest path that is gone is whited out even if only what was below it is listed', (t) => {
  t.deepEqual(planLayer(changes('delete d/x/y'), tree({ d: 'directory' })).whiteouts, ['d/.wh.x']);
});

test('nothing is whited out below a directory that became a symlink or a file', (t) => {
  for (const type of ['symlink', 'file'] as const) {
    const plan = planLayer(changes('delete old/passwd', 'modify old', 'delete old/d/e'), tree({ old: type }));
    t.deepEqual(plan, { whiteouts: [], entries: ['old'], sockets: [] });
  }
});

test('a directory that became a symlink is an entry even if only what was below it is listed', (t) => {
  t.deepEqual(planLayer(changes('delete old/passwd'), tree({ old: 'symlink' })).entries, ['old']);
});

test('a file that became a directory is an entry with its new children', (t) => {
  const plan = planLayer(changes('modify f', 'add f/x'), tree({ f: 'directory', 'f/x': 'file' }));
  t.deepEqual(plan, { whiteouts: [], entries: ['f', 'f/x'], sockets: [] });
});

test('an opaque directory hides by its marker, with no whiteouts below it', (t) => {
  const plan = planLayer(
    [{ path: 'd', kind: 'modify', opaque: true }, ...changes('delete d/x', 'add d/y', 'delete dx')],
    tree({ d: 'directory', 'd/y': 'file' }),
  );
  t.deepEqual(plan.whiteouts, ['.wh.dx', 'd/.wh..wh..opq']);
  t.deepEqual(plan.entries, ['d', 'd/y']);
});

test('a socket is left out; what it replaced is whited out', (t) => {
  const plan = planLayer(
    changes('add run/new', 'modify run/was'),
    tree({ run: 'directory', 'run/new': 'socket', 'run/was': 'socket' }),
  );
  t.deepEqual(plan, { whiteouts: ['run/.wh.was'], entries: ['run'], sockets: ['run/new', 'run/was'] });
});

test('names that mean deletions are refused', (t) => {
  for (const name of ['.wh.sbin', 'a/.wh.x', '.wh.', '.wh..wh..opq']) {
    const lookup = tree({ [name]: 'file', a: 'directory' });
    t.throws(() => planLayer(changes(`add ${name}`), lookup), { code: 'LAYER_PATH' });
  }
  t.throws(() => planLayer(changes('delete .wh.x'), tree({})), { code: 'LAYER_PATH' });
  t.deepEqual(planLayer(changes('add .wh'), tree({ '.wh': 'file' })).entries, ['.wh']);
});

test('a file below such a directory is refused too', (t) => {
  const lookup = tree({ '.wh.d': 'directory', '.wh.d/x': 'file' });
  t.throws(() => planLayer(changes('add .wh.d/x'), lookup), { code: 'LAYER_PATH' });
});

test('a rootfs that contradicts the delta is an error', (t) => {
  t.throws(() => planLayer(changes('add a'), tree({})), { code: 'FILE_CHANGED' });
  t.throws(() => planLayer(changes('delete a'), tree({ a: 'file' })), { code: 'FILE_CHANGED' });
  t.throws(() => planLayer(changes('add lib/x'), tree({ lib: 'symlink' })), {
    code: 'LAYER_PATH',
    message: /lib above it is a symlink/,
  });
});

test('paths are cleaned, and cannot leave the rootfs', (t) => {
  const lookup = tree({ a: 'directory', 'a/b': 'file' });
  t.deepEqual(planLayer(changes('add /a//b', 'modify ./a/'), lookup).entries, ['a', 'a/b']);
  for (const path of ['../x', 'a/../../x', 'a\0b']) {
    t.throws(() => planLayer([{ kind: 'delete', path }], lookup), { code: 'LAYER_PATH' });
  }
});

test('a path longer than Linux takes is refused, and a whiteout may be longer by its prefix', (t) => {
  const longest = `${'d/'.repeat(2047)}d`;
  const types = Object.fromEntries(
    [...ancestors(longest), longest].map((path) => [path, 'directory' as const]),
  );
  t.is(planLayer(changes(`add ${longest}`), tree(types)).entries.length, 2048);
  const file = `${'x'.repeat(250)}/`.repeat(16) + 'x'.repeat(80);
  const all = Object.fromEntries([...ancestors(file), file].map((path) => [path, 'directory' as const]));
  t.throws(() => planLayer(changes(`add ${file}`), tree(all)), {
    code: 'LAYER_PATH',
    message: /longer than 4095 bytes/,
  });
  const { [longest]: _, ...above } = types;
  t.is(planLayer(changes(`delete ${longest}`), tree(above)).whiteouts[0]?.length, 4095 + 4);
});
