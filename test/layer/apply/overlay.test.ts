import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { ApplyLayerOptions } from '../../../src/layer/apply/applier.js';
import { Tree } from '../../../src/layer/apply/tree.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { treeOf } from '../../helpers/tree.js';
import { apply, applyOne, dir, file, hardlink, symlink } from './harness.js';

const overlay = (t: ExecutionContext<unknown>, layer: RawEntry[], options: Partial<ApplyLayerOptions> = {}) =>
  apply(t, [layer], { whiteouts: 'overlay', ...options });

test.beforeEach((t) => {
  requires(t, 'root');
});

test('whiteouts are devices 0:0, opaque directories have an attribute', (t) => {
  const { tree, layers } = overlay(t, [
    dir('.'),
    dir('d', { mtime: 5 }),
    file('d/.wh.x'),
    dir('o'),
    file('o/.wh..wh..opq'),
    file('o/.wh.y'),
    file('o/f'),
  ]);
  t.like(tree.get('d/x'), { type: 'char', device: '0,0' });
  t.deepEqual(tree.get('o')?.xattrs, { 'trusted.overlay.opaque': '79' });
  t.deepEqual([...tree.keys()], ['.', 'd', 'd/x', 'o', 'o/f']);
  t.is(tree.get('d')?.mtime, '5.000000000');
  t.deepEqual(layers[0]?.unsettled, {
    implicitDirectories: [],
    hidingDirectories: [],
    whiteouts: ['d/x'],
    lowerHardlinks: [],
  });
});

test('userxattr: the attributes are those of the user namespace', (t) => {
  const { tree } = overlay(
    t,
    [dir('o', { xattrs: { 'user.overlay.opaque': 'x', 'trusted.overlay.a': 'y' } }), file('o/.wh..wh..opq')],
    {
      overlayXattr: 'user',
    },
  );
  t.deepEqual(tree.get('o')?.xattrs, {
    'trusted.overlay.a': '79',
    'user.overlay.opaque': '79',
    'user.overlay.overlay.opaque': '78',
  });
});

test("overlay's attributes in an image are escaped, so that they do not act", (t) => {
  const xattrs = {
    'trusted.overlay.opaque': 'y',
    'trusted.overlay.overlay.a': 'b',
    'user.overlay.opaque': 'y',
  };
  const { tree } = overlay(t, [
    dir('d', { xattrs }),
    file('f', '', { xattrs: { 'trusted.overlay.redirect': '/etc' } }),
  ]);
  t.deepEqual(tree.get('d')?.xattrs, {
    'trusted.overlay.overlay.opaque': '79',
    'trusted.overlay.overlay.overlay.a': '62',
    'user.overlay.opaque': '79',
  });
  t.deepEqual(Object.keys(tree.get('f')?.xattrs ?? {}), ['trusted.overlay.overlay.redirect']);
});

test('a device 0:0 in an image would act as a whiteout: refused', (t) => {
  t.throws(() => overlay(t, [{ name: 'x', type: 'char', devMajor: 0, devMinor: 0 }]), {
    code: 'LAYER_ENTRY',
  });
  t.notThrows(() => overlay(t, [{ name: 'x', type: 'block', devMajor: 0, devMinor: 0 }]));
});

test('a directory that is hidden and there again is opaque, in any order', (t) => {
  for (const layer of [
    [file('.wh.d'), dir('d'), file('d/f')],
    [dir('d'), file('d/f'), file('.wh.d')],
  ]) {
    const { tree } = overlay(t, layer);
    t.deepEqual(tree.get('d')?.xattrs, { 'trusted.overlay.opaque': '79' });
  }
});

test('what only the layers below can tell is returned, parents first', (t) => {
  const { layers } = overlay(t, [
    file('i/j/f'),
    dir('listed'),
    file('k/.wh.x'),
    file('o/.wh..wh..opq'),
    hardlink('h', 'lower/../below'),
    file('.wh.gone'),
    file('gone/f'),
    file('late/f'),
    dir('late'),
    file('o/in/f'),
  ]);
  t.deepEqual(layers[0]?.unsettled, {
    implicitDirectories: ['.', 'i', 'i/j', 'o', 'k'],
    hidingDirectories: ['k'],
    whiteouts: ['k/x'],
    lowerHardlinks: [{ path: 'h', target: 'below' }],
  });
});

test('a whiteout below what the layer replaced is not needed', (t) => {
  const { tree } = overlay(t, [file('f'), file('f/.wh.x'), symlink('l', 'd'), file('l/.wh.x'), dir('d')]);
  t.deepEqual([...tree.keys()], ['.', 'd', 'f', 'l']);
});

test('a hidden directory is one whiteout, whatever is hidden below it', (t) => {
  for (const layer of [
    [file('.wh.d'), file('d/.wh.x'), file('d/.wh..wh..opq')],
    [file('d/.wh..wh..opq'), file('d/.wh.x'), file('.wh.d')],
  ]) {
    const { tree } = overlay(t, layer);
    t.deepEqual([...tree.keys()], ['.', 'd']);
    t.is(tree.get('d')?.type, 'char');
  }
});

test("the root directory's own metadata shows through a mount", (t) => {
  const { merged } = mount(t, [
    [dir('.', { mode: 0o711, uid: 4, xattrs: { 'user.a': '1' } })],
    [dir('.', { mode: 0o700, uid: 5 })],
  ]);
  t.like(treeOf(merged).get('.'), { mode: '0700', owner: '5:0' });
});

test('layers applied apart and mounted are what layers applied on top of each other are', (t) => {
  fc.assert(
    fc.property(fc.array(layer(), { minLength: 2, maxLength: 3 }), (layers) => {
      const { merged, plain, unmount } = mount(t, layers);
      try {
        return isDeepStrictEqual(state(merged), state(plain));
      } finally {
        unmount();
      }
    }),
    { numRuns: 150 },
  );
  t.pass();
});

test('where devices 0:0 are refused, as on another overlay, whiteouts are marked files', (t) => {
  const base = tmpdir(t);
  const [outer, upper, work, lower, merged] = ['outer', 'upper', 'work', 'lower', 'merged'].map((name) =>
    newDirectory(join(base, name)),
  );
  const on = (at: string, given: string) => {
    execFileSync('mount', ['-t', 'overlay', '-o', given, 'overlay', at]);
    t.teardown(() => execFileSync('umount', [at]));
  };
  on(outer!, `lowerdir=${lower},upperdir=${upper},workdir=${work}`);
  const layers = [
    [dir('.'), dir('d'), file('d/a'), file('d/b'), file('c')],
    [dir('.'), dir('d'), file('d/.wh.a'), file('.wh.c'), file('new')],
  ];
  const roots = layers.map((entries, i) => {
    const root = newDirectory(join(outer!, `layer${i}`));
    applyOne(entries, root, new Tree(), [], { whiteouts: 'overlay' });
    return root;
  });
  t.true(lstatSync(join(roots[1]!, 'c')).isFile());
  on(merged!, `lowerdir=${roots.reverse().join(':')}`);
  t.deepEqual(readdirSync(merged!, { recursive: true, encoding: 'utf8' }).sort(), ['d', 'd/b', 'new']);
});

/** Random layers over few names, so that they meet. */
function layer(): fc.Arbitrary<RawEntry[]> {
  const name = fc.constantFrom('a', 'b');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
  const entry = fc.oneof(
    fc.tuple(path, fc.constantFrom(0o700, 0o755)).map(([at, mode]) => dir(at, { mode })),
    fc
      .tuple(path, fc.string({ maxLength: 2, unit: fc.constantFrom('x', 'y') }))
      .map(([at, text]) => file(at, text)),
    path.map((at) => file(at.replace(/[^/]*$/, '.wh.$&'))),
    path.map((at) => file(`${at}/.wh..wh..opq`)),
  );
  return fc.array(entry, { minLength: 1, maxLength: 6 });
}

/** The layers, each applied by itself and all mounted, and the same layers on top of each other in one directory. */
function mount(t: ExecutionContext<unknown>, layers: RawEntry[][]) {
  const base = tmpdir(t);
  const [merged, plain, empty] = ['merged', 'plain', 'empty'].map((name) => newDirectory(join(base, name)));
  const uppers = layers.map((entries, i) => {
    const upper = newDirectory(join(base, `upper${i}`));
    const { unsettled } = applyOne(entries, upper, new Tree(), [], { whiteouts: 'overlay' });
    for (const path of unsettled.whiteouts) if (!exists(join(plain!, path))) removeQuietly(join(upper, path));
    for (const path of unsettled.implicitDirectories) {
      settle(join(upper, path), join(plain!, path), unsettled.hidingDirectories.includes(path));
    }
    applyOne(entries, plain!, new Tree(), [], {});
    return upper;
  });
  const lowerdir = [...uppers.reverse(), empty].join(':');
  execFileSync('mount', ['-t', 'overlay', '-o', `lowerdir=${lowerdir}`, 'overlay', merged!]);
  let mounted = true;
  const unmount = () => {
    if (mounted) execFileSync('umount', [merged!]);
    mounted = false;
    rmSync(base, { recursive: true, force: true });
  };
  t.teardown(unmount);
  return { merged: merged!, plain: plain!, unmount };
}

/** What a driver does with a directory that no entry described: it is as below, or not there if it only hides. */
function settle(upper: string, below: string, onlyHides: boolean): void {
  const stat = exists(below) ? lstatSync(below) : undefined;
  if (stat?.isDirectory()) {
    chmodSync(upper, stat.mode);
    chownSync(upper, stat.uid, stat.gid);
    utimesSync(upper, stat.atimeMs / 1000, stat.mtimeMs / 1000);
  } else if (onlyHides && exists(upper)) removeQuietly(upper);
}

/** Removes, but leaves the directory's time. */
function removeQuietly(path: string): void {
  const parent = lstatSync(join(path, '..'));
  rmSync(path, { recursive: true });
  utimesSync(join(path, '..'), parent.atimeMs / 1000, parent.mtimeMs / 1000);
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function newDirectory(path: string): string {
  mkdirSync(path, { mode: 0o755 });
  utimesSync(path, 0, 0);
  return path;
}

function state(root: string): unknown {
  const paths = ['.', ...readdirSync(root, { recursive: true, encoding: 'utf8' })].sort();
  return paths.map((path) => {
    const stat = lstatSync(join(root, path));
    const content = stat.isFile()
      ? readFileSync(join(root, path), 'utf8')
      : stat.isSymbolicLink()
        ? readlinkSync(join(root, path))
        : '';
    return { path, mode: stat.mode, uid: stat.uid, mtime: stat.mtimeMs, content };
  });
}
