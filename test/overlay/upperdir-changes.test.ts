import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { upperdirChanges } from '../../src/overlay/changes/upperdir-changes.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { settle } from '../layer/generate/edits.js';
import { mounted, sh } from './mounted.js';

/** A lower layer by a shell script. */
const layer = (script: string) => (at: (name: string) => string) => void sh(at('.'), script);

test.beforeEach((t) => {
  requires(t, 'root', 'mount');
});

test('a new upperdir changes nothing', async (t) => {
  const { changes } = mounted(t, [layer('mkdir d; echo 1 > d/f')]);
  t.deepEqual(await changes(), []);
});

test('files added, changed and deleted, with the directories whose times changed', async (t) => {
  const { merged, changes } = mounted(t, [
    layer('mkdir -p d e/x g; echo 1 > d/f; echo 2 > e/x/y; touch g/h'),
    layer('mkdir d; echo 3 > d/g'),
  ]);
  sh(merged, 'echo 4 > d/f; echo 5 > d/new; rm d/g; rm -r e; mkdir n; touch n/o');
  t.deepEqual(await changes(), [
    ...['modify .', 'modify d', 'modify d/f', 'delete d/g', 'add d/new', 'delete e', 'add n', 'add n/o'],
  ]);
});

test('a file that was only copied up is unchanged', async (t) => {
  const { at, merged, upper, changes } = mounted(t, [
    layer(
      'mkdir -p a/b; echo 1 > a/b/f; ln -s f a/l; mkfifo a/p; mknod a/dev c 1 3; setfattr -n user.x -v y a/b/f',
    ),
  ]);
  sh(merged, 'chown -h 1 a/b/f a/l a/p a/dev a/b; chown -h 0 a/b/f a/l a/p a/dev a/b');
  t.is(sh(upper('.'), 'find . | wc -l').trim(), '7');
  t.deepEqual(await changes(), []);
  sh(merged, 'setfattr -n user.x -v z a/b/f');
  t.deepEqual(await changes(), ['modify a/b/f']);
  sh(merged, 'setfattr -n user.x -v y a/b/f');
  t.deepEqual(await changes(), []);
  sh(
    at('a/b'),
    'touch -r f ../../t; echo 2 > f; touch -r ../../t f; rm ../../t; touch -r dev . 2>/dev/null || :',
  );
  t.true((await changes()).includes('modify a/b/f'), 'other content of the same size and time');
});

const metadata: [what: string, edit: string][] = [
  ['mode', 'chmod 600 f'],
  ['owner', 'chown 7 f'],
  ['group', 'chgrp 7 f'],
  ['a second', "touch -d '2001-09-09 01:46:41 UTC' f"],
  ['an attribute', 'setfattr -n trusted.x -v y f'],
  ['an attribute less', 'setfattr -x user.x f'],
  ['an escaped attribute', 'setfattr -n trusted.overlay.opaque -v y f'],
];
for (const [what, edit] of metadata) {
  test(`a file and a directory that differ in ${what} are changes`, async (t) => {
    const lower = layer('touch f; mkdir d; setfattr -n user.x -v y f; setfattr -n user.x -v y d');
    const { merged, changes } = mounted(t, [lower]);
    sh(merged, `${edit}; ${edit.replace(/f$/, 'd')}`);
    t.deepEqual(await changes(), ['modify d', 'modify f']);
  });
}

const within: [what: string, edit: string, expected: string[]][] = [
  ['the time alone', '', []],
  ['the content too, of the same size', 'echo 2 > f;', ['modify f']],
  ['the mode too', 'chmod 600 f;', ['modify f']],
  ['the link too', 'ln -sf bb l;', ['modify l']],
  ['an attribute too', 'setfattr -n user.x -v y d;', ['modify d']],
];
for (const [what, edit, expected] of within) {
  test(`a time in another fraction of the same second: ${what}`, async (t) => {
    const { merged, changes } = mounted(t, [layer('echo 1 > f; mkdir d; ln -s aa l; mkfifo p')]);
    sh(merged, `${edit} touch -h -d '2001-09-09 01:46:40.5 UTC' f d l p .`);
    t.deepEqual(await changes(), expected);
  });
}

test('a device of other numbers and a link to another target are changes', async (t) => {
  const { merged, changes } = mounted(t, [
    layer('mknod n c 1 3; mknod m b 1 3; ln -s aa l; ln -s aa k; touch -h -d @1000000000 l'),
  ]);
  const times = 'touch -h -d @1000000000 n l m k .';
  sh(merged, `rm n l m k; mknod n c 1 5; ln -s bb l; mknod m b 1 3; ln -s aa k; ${times}`);
  t.deepEqual(await changes(), ['modify l', 'modify n']);
});

test('replaced types: one entry, and none below a former directory', async (t) => {
  const { merged, changes } = mounted(t, [layer('mkdir -p a/b/c d/e; touch a/b/c/f d/e/f g; ln -s d l')]);
  sh(merged, 'rm -r a d; echo > a; ln -s a d; rm g l; mkdir -p g/h l; touch l/x');
  t.deepEqual(await changes(), [
    ...['modify .', 'modify a', 'modify d', 'modify g', 'add g/h', 'modify l', 'add l/x'],
  ]);
});

test('a whiteout of nothing is dropped', async (t) => {
  const { merged, changes } = mounted(t, [layer('mkdir d')]);
  sh(merged, 'touch d/x; rm d/x; touch -d @1000000000 d');
  t.deepEqual(await changes(), []);
  const [dir] = [tmpdir(t)];
  sh(dir, 'mkdir upper lower; mknod upper/x c 0 0; mkdir upper/n; mknod upper/n/y c 0 0');
  settle(dir);
  t.deepEqual(
    (await upperdirChanges({ upperdir: join(dir, 'upper'), lowerdirs: [join(dir, 'lower')] })).changes,
    [{ path: 'n', kind: 'add' }],
  );
});

test('an opaque directory: entries it lacks are deleted, entries it has again are unchanged', async (t) => {
  const { merged, upper, changes } = mounted(t, [
    layer(
      'mkdir -p d/same d/gone d/sub; echo 1 > d/f; echo 2 > d/g; echo 3 > d/sub/s; touch d/sub/t d/same/x; mkdir o',
    ),
    layer('mkdir d; echo 4 > d/f'),
  ]);
  sh(
    merged,
    'cp -a d keep; rm -r d; mkdir d; cp -a keep/f keep/same d; mkdir d/sub; echo n > d/sub/t; rm -r keep',
  );
  t.is(sh(upper('.'), 'getfattr --only-values -n trusted.overlay.opaque d'), 'y');
  t.deepEqual(await changes(), [
    ...[
      'modify .',
      'modify d',
      'delete d/g',
      'delete d/gone',
      'modify d/sub',
      'delete d/sub/s',
      'modify d/sub/t',
    ],
  ]);
});

test('an opaque directory in a lower layer hides what is below that', async (t) => {
  const { merged, changes } = mounted(t, [
    layer('mkdir d; echo 1 > d/below; echo 2 > d/both'),
    layer('mkdir d; setfattr -n trusted.overlay.opaque -v y d; echo 3 > d/both; mknod w c 0 0'),
    layer('mkdir d; echo 4 > d/top'),
  ]);
  sh(merged, 'echo new > d/below; rm d/both d/top; echo > w');
  t.deepEqual(await changes(), [
    'modify .',
    'modify d',
    'add d/below',
    'delete d/both',
    'delete d/top',
    'add w',
  ]);
});

test('a changed file with several names is changed under all of them', async (t) => {
  const { merged, changes } = mounted(t, [
    layer('mkdir d; echo 1 > d/a; ln d/a d/b; echo 2 > d/c; echo 2 > d/e'),
  ]);
  sh(merged, 'ln d/c d/f; chmod 600 d/a; ln -f d/a d/b; rm d/e; ln d/c d/e; touch -d @1000000000 d');
  t.deepEqual(await changes(), ['modify d/a', 'modify d/b', 'modify d/c', 'modify d/e', 'add d/f']);
});

test('hardlinks equal to those below are unchanged', async (t) => {
  const { merged, changes } = mounted(t, [layer('mkdir d; echo 1 > d/a; ln d/a d/b; ln d/a d/c')], {
    options: 'redirect_dir=off,metacopy=off,index=on',
  });
  sh(merged, 'chmod 600 d/a; chmod 644 d/a; chmod 600 d/b; chmod 644 d/b');
  t.deepEqual(await changes(), []);
  sh(merged, 'chmod 600 d/a');
  t.deepEqual(await changes(), ['modify d/a', 'modify d/b']);
});

test('xattr whiteouts: marked empty files in a directory that says so', async (t) => {
  const dir = tmpdir(t);
  sh(
    dir,
    `mkdir -p low/d upper/d; touch low/d/a low/d/b low/d/c; touch upper/d/a upper/d/b
     setfattr -n trusted.overlay.opaque -v x upper/d
     setfattr -n trusted.overlay.whiteout -v y upper/d/a
     mkdir -p mid/d; touch mid/d/c mid/d/e; setfattr -n trusted.overlay.opaque -v x mid mid/d
     setfattr -n trusted.overlay.whiteout -v y mid/d/c; touch upper/d/c`,
  );
  settle(dir);
  const options = { upperdir: join(dir, 'upper'), lowerdirs: [join(dir, 'mid'), join(dir, 'low')] };
  t.deepEqual((await upperdirChanges(options)).changes, [
    { path: 'd/a', kind: 'delete' },
    { path: 'd/c', kind: 'add' },
  ]);
});

test('userxattr: the marks are those of the user namespace, trusted ones are data', async (t) => {
  const options = { options: 'userxattr', format: 'user' } as const;
  const { merged, upper, changes } = mounted(t, [layer('mkdir d; touch d/f; mkdir e; touch e/f')], options);
  sh(merged, 'rm -r d; mkdir d; touch d/g');
  t.is(sh(upper('.'), 'getfattr --only-values -n user.overlay.opaque d'), 'y');
  sh(upper('.'), 'mkdir e; setfattr -n trusted.overlay.opaque -v y e; touch -d @1000000000 e');
  t.deepEqual(await changes(), ['modify .', 'modify d', 'delete d/f', 'add d/g', 'modify e']);
});

const foreign = 'redirect_dir=on,metacopy=on,index=on';

test('a renamed directory: all of it is under the new name, and gone from the old', async (t) => {
  const { merged, upper, changes } = mounted(
    t,
    [layer('mkdir -p a/b/c; touch a/b/c/f a/b/g; mkdir z'), layer('mkdir -p a/b; touch a/b/h')],
    { options: foreign },
  );
  sh(merged, 'mv a/b z/moved; echo x > z/moved/c/new; rm z/moved/g; mv z/moved/c z/moved/renamed');
  t.is(sh(upper('.'), 'getfattr --only-values -n trusted.overlay.redirect z/moved'), '/a/b');
  t.deepEqual(await changes(), [
    ...['modify a', 'delete a/b', 'modify z', 'add z/moved', 'add z/moved/h', 'add z/moved/renamed'],
    ...['add z/moved/renamed/f', 'add z/moved/renamed/new'],
  ]);
});

test('directories that changed places are compared with what was there', async (t) => {
  const { merged, changes } = mounted(
    t,
    [layer('mkdir a b; echo 1 > a/same; echo 1 > b/same; echo 2 > a/x; echo 3 > b/x; touch a/only')],
    { options: foreign },
  );
  sh(merged, 'mv a t; mv b a; mv t b; touch -d @1000000000 .');
  t.deepEqual(await changes(), ['delete a/only', 'modify a/x', 'add b/only', 'modify b/x']);
});

test('a redirect in a lower layer', async (t) => {
  const first = mounted(t, [layer('mkdir -p p/q; echo 1 > p/q/f; echo 2 > p/q/g')], { options: foreign });
  sh(first.merged, 'mv p/q p/r; echo 3 > p/r/g');
  execFileSync('umount', [first.merged]);
  const lowerdirs = [first.upperdir, ...first.lowerdirs];
  const upperdir = join(tmpdir(t), 'upper');
  sh('/', `mkdir -p ${upperdir}/p/r; cp -a ${lowerdirs[1]}/p/q/f ${upperdir}/p/r/f; touch ${upperdir}/p/q`);
  sh(
    upperdir,
    `touch -r ${first.upperdir}/p/r p/r; touch -r ${first.upperdir}/p p; touch -r ${first.upperdir} .`,
  );
  t.deepEqual((await upperdirChanges({ upperdir, lowerdirs })).changes, [{ path: 'p/q', kind: 'add' }]);
});

test('a file of metadata alone has the content of the layer', async (t) => {
  const { merged, upper, changes } = mounted(
    t,
    [layer('mkdir d; echo 1 > d/f; echo 2 > d/g; echo 1 > d/h')],
    {
      options: foreign,
    },
  );
  sh(merged, 'chown 1 d/f d/g; chown 0 d/f');
  t.regex(sh(upper('d'), 'getfattr -d -m - f'), /trusted\.overlay\.metacopy/);
  t.deepEqual(await changes(), ['modify d/g']);
  sh(merged, 'chown 1 d/h; chown 0 d/h; mv d/h d/t; mv d/f d/h; mv d/t d/f; touch -d @1000000000 d');
  t.deepEqual(await changes(), ['modify d/g'], 'two files of the same content changed places');
  sh(merged, 'chown 1 d/g; mv d/g d/t; mv d/f d/g; mv d/t d/f; chown 0 d/f d/g; touch -d @1000000000 d');
  t.deepEqual(await changes(), ['modify d/f', 'modify d/g'], 'two files of other content');
});

test("fuse-overlayfs' whiteouts and opaque directories by name", async (t) => {
  const dir = tmpdir(t);
  sh(
    dir,
    `mkdir -p low/d low/o; touch low/d/a low/d/b low/o/x low/o/y
     mkdir -p mid/d; touch mid/d/.wh.b
     mkdir -p upper/d upper/o; touch upper/d/.wh.a upper/d/.wh.b upper/o/.wh..wh..opq upper/o/y`,
  );
  settle(dir);
  const options = { upperdir: join(dir, 'upper'), lowerdirs: [join(dir, 'mid'), join(dir, 'low')] };
  t.deepEqual((await upperdirChanges({ ...options, format: 'fuse' })).changes, [
    { path: 'd/a', kind: 'delete' },
    { path: 'o/x', kind: 'delete' },
  ]);
});

test("fuse-overlayfs' own upperdir", async (t) => {
  if (!requires(t, 'fuse-overlayfs', '/dev/fuse')) return;
  const { merged, changes } = mounted(t, [layer('mkdir -p a/b d; touch a/b/f d/x d/y; touch g')], {
    ...{ options: '', format: 'fuse', program: 'fuse-overlayfs' },
  });
  sh(merged, 'rm g; rm -r d; mkdir d; touch d/z; chmod 600 a/b/f; chmod 644 a/b/f; touch a/b/n');
  // it gives directories that it copies up another time
  t.deepEqual(
    (await changes()).filter((row) => !/^modify (\.|a|d)$/.test(row)),
    ['modify a/b', 'add a/b/n', 'delete d/x', 'delete d/y', 'add d/z', 'delete g'],
  );
});

test('masked paths are not looked at', async (t) => {
  const { merged, upperdir, lowerdirs, changes } = mounted(t, [layer('mkdir -p v/w x')]);
  sh(merged, 'touch v/w/f v/g x/h');
  t.deepEqual(await changes(['/v/w', 'x/']), ['modify v', 'add v/g']);
  t.deepEqual((await upperdirChanges({ upperdir, lowerdirs, maskPaths: ['/v/w', '/none'] })).masked, ['v/w']);
});

test('names of any bytes, and a directory of many files', async (t) => {
  const { merged, changes } = mounted(t, [
    layer('mkdir d; cd d; touch $(seq 200); touch "$(printf "n\\n\\377")"'),
  ]);
  sh(
    merged,
    'cd d; echo > 7; for i in $(seq 100 120); do chmod 600 $i; chmod 644 $i; done; rm 9; rm "$(printf "n\\n\\377")"',
  );
  t.deepEqual(await changes(), ['modify d', 'modify d/7', 'delete d/9', 'delete d/n\n\xff']);
});

test('the directory itself', async (t) => {
  const { merged, changes } = mounted(t, [layer('touch f')]);
  sh(merged, 'chmod 700 .');
  t.deepEqual(await changes(), ['modify .']);
});

test('500 layers', async (t) => {
  const dir = tmpdir(t);
  const lowerdirs = Array.from({ length: 500 }, (_, at) => join(dir, `${at}`));
  for (const [at, lowerdir] of lowerdirs.entries()) {
    mkdirSync(join(lowerdir, 'd/e'), { recursive: true });
    writeFileSync(join(lowerdir, `d/e/f${at}`), '');
  }
  const upperdir = join(dir, 'upper');
  mkdirSync(join(upperdir, 'd/e'), { recursive: true });
  for (let at = 0; at < 500; at += 2) writeFileSync(join(upperdir, `d/e/f${at}`), at % 4 === 0 ? '' : 'new');
  settle(dir);
  t.is((await upperdirChanges({ upperdir, lowerdirs })).changes.length, 125);
});

test('an unreadable path is named', async (t) => {
  const dir = tmpdir(t);
  const error = await t.throwsAsync(upperdirChanges({ upperdir: join(dir, 'none'), lowerdirs: [dir] }));
  t.like(error, { code: 'SYSTEM' });
  t.regex(error!.message, /none/);
});
