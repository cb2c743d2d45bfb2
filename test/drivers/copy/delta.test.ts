import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import test from 'ava';
import { fromText, toBuffer } from '../../../src/system/bytes.js';
import { setXattr } from '../../../src/system/xattr.js';
import { rootTest } from '../../helpers/root-test.js';
import { keepTimes } from '../../helpers/times.js';
import { editWithoutChange, writeQuietFiles } from '../quiet-edits.js';
import { makeBundle } from './bundle.js';

test('an unchanged bundle has an empty delta', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    mkdirSync(at('d'));
    writeFileSync(at('d/f'), '');
  });
  t.deepEqual(await bundle.delta(), []);
});

test('added, deleted and changed files are found, with their directories', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    for (const name of ['content', 'mode', 'owner', 'gone', 'time', 'become-link', 'become-dir', 'same']) {
      writeFileSync(at(name), name);
      utimesSync(at(name), 1, 1);
    }
    mkdirSync(at('become-file/below'), { recursive: true });
    mkdirSync(at('dir'));
    symlinkSync('old', at('link'));
    for (const name of ['.', 'dir', 'become-file']) utimesSync(at(name), 1, 1);
  });
  const { at } = bundle;
  keepTimes(at('content'), () => writeFileSync(at('content'), 'CONTENT'));
  chmodSync(at('mode'), 0o600);
  rmSync(at('gone'));
  utimesSync(at('time'), 1, 2);
  rmSync(at('become-link'));
  symlinkSync('x', at('become-link'));
  rmSync(at('become-dir'));
  mkdirSync(at('become-dir'));
  rmSync(at('become-file'), { recursive: true });
  writeFileSync(at('become-file'), '');
  writeFileSync(at('dir/new'), '');
  rmSync(at('link'));
  symlinkSync('new', at('link'));
  t.deepEqual(await bundle.delta(), [
    'add dir/new',
    'delete become-file/below',
    'delete gone',
    ...['.', 'become-dir', 'become-file', 'become-link', 'content', 'dir', 'link', 'mode', 'time'].map(
      (name) => `modify ${name}`,
    ),
  ]);
});

rootTest('owners and device numbers count', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    writeFileSync(at('f'), '');
    execFileSync('mknod', [at('dev'), 'c', '1', '3']);
    for (const name of ['dev', '.']) utimesSync(at(name), 1, 1);
  });
  const { at } = bundle;
  const mtree = bundle.manifest();
  keepTimes(at('.'), () => {
    chownSync(at('f'), 1, 0);
    rmSync(at('dev'));
    execFileSync('mknod', [at('dev'), 'c', '1', '5']);
    utimesSync(at('dev'), 1, 1);
  });
  t.deepEqual(await bundle.delta({ mtree }), ['modify dev', 'modify f']);
});

test('with a manifest, a file that was changed back is unchanged', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    writeQuietFiles(at);
    symlinkSync('target', at('link'));
    utimesSync(at('.'), 1, 1);
  });
  const { at } = bundle;
  const mtree = bundle.manifest();
  keepTimes(at('.'), () => {
    editWithoutChange(at);
    const { mtime } = lstatSync(at('link'));
    rmSync(at('link'));
    symlinkSync('target', at('link'));
    execFileSync('touch', ['-h', '-d', mtime.toISOString(), at('link')]);
  });
  t.deepEqual(await bundle.delta({ mtree }), []);
  t.is((await bundle.delta())!.length, 6);
});

test('same size and times with other content is a change', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), 'abc'));
  const mtree = bundle.manifest();
  keepTimes(bundle.at('f'), () => writeFileSync(bundle.at('f'), 'abd'));
  t.deepEqual(await bundle.delta({ mtree }), ['modify f']);
});

test('a changed symlink target of the same length is a change', async (t) => {
  const bundle = await makeBundle(t, (at) => symlinkSync('abc', at('l')));
  const { at } = bundle;
  const mtree = bundle.manifest();
  const { mtime } = lstatSync(at('l'));
  keepTimes(at('.'), () => {
    rmSync(at('l'));
    symlinkSync('abd', at('l'));
    execFileSync('touch', ['-h', '-d', mtime.toISOString(), at('l')]);
  });
  t.deepEqual(await bundle.delta({ mtree }), ['modify l']);
});

rootTest('extended attributes count', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    for (const name of ['added', 'changed', 'set-back']) writeFileSync(at(name), '');
    mkdirSync(at('dir'));
    setXattr(fromText(at('changed')), 'user.x', Buffer.from('1'));
    setXattr(fromText(at('set-back')), 'user.x', Buffer.from('1'));
  });
  const mtree = bundle.manifest();
  const set = (name: string, value: string) =>
    setXattr(fromText(bundle.at(name)), 'user.x', Buffer.from(value));
  set('added', '1');
  set('dir', '1');
  set('changed', '2');
  set('set-back', '2');
  set('set-back', '1');
  t.deepEqual(await bundle.delta({ mtree }), ['modify added', 'modify changed', 'modify dir']);
});

test('a hardlink that moved from one file to another, all else equal, is a change', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    for (const [first, second] of ['ab', 'cd', 'ef']) {
      writeFileSync(at(first!), 'same');
      utimesSync(at(first!), 1, 1);
      linkSync(at(first!), at(second!));
    }
  });
  const { at } = bundle;
  const mtree = bundle.manifest();
  keepTimes(at('.'), () => {
    // b and d change places, e and f get new hardlinks
    renameSync(at('b'), at('x'));
    renameSync(at('d'), at('b'));
    renameSync(at('x'), at('d'));
    rmSync(at('f'));
    linkSync(at('e'), at('f'));
  });
  t.deepEqual(
    await bundle.delta({ mtree }),
    ['a', 'b', 'c', 'd'].map((name) => `modify ${name}`),
  );
});

test('a copied bundle, all inodes new, has not changed', async (t) => {
  const bundle = await makeBundle(t, (at) => {
    mkdirSync(at('d'));
    writeFileSync(at('d/f'), 'f');
    linkSync(at('d/f'), at('d/g'));
    symlinkSync('f', at('d/l'));
  });
  const mtree = bundle.manifest();
  renameSync(bundle.rootfs, `${bundle.rootfs}.old`);
  execFileSync('cp', ['-a', `${bundle.rootfs}.old`, bundle.rootfs]);
  t.deepEqual(await bundle.delta({ mtree }), []);
});

test('names may be any bytes', async (t) => {
  const names = ['new\nline', 'not utf-8 \u00ff', 'e\u00e9', '-', 'a/b', 'a b'];
  const bundle = await makeBundle(t, (at) => {
    mkdirSync(at('a'));
    for (const name of names) writeFileSync(toBuffer(`${fromText(at('.'))}/${name}`), '');
  });
  t.deepEqual(await bundle.delta(), []);
  rmSync(toBuffer(`${fromText(bundle.rootfs)}/new\nline`));
  truncateSync(toBuffer(`${fromText(bundle.rootfs)}/not utf-8 \u00ff`), 5);
  t.deepEqual(await bundle.delta(), ['delete new\nline', 'modify .', 'modify not utf-8 \u00ff']);
});

test('an index that is missing, of another image, cut or damaged is declined', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), ''));
  t.is(await bundle.delta({ digest: `sha256:${'2'.repeat(64)}` }), undefined);
  const { size } = statSync(bundle.index);
  for (const end of [size - 1, 100, 10, 0]) {
    cpSync(bundle.index, `${bundle.index}.whole`);
    truncateSync(bundle.index, end);
    t.is(await bundle.delta(), undefined);
    renameSync(`${bundle.index}.whole`, bundle.index);
  }
  execFileSync('dd', [`of=${bundle.index}`, 'bs=1', 'seek=200', 'conv=notrunc', 'status=none'], {
    input: 'x',
  });
  t.is(await bundle.delta(), undefined);
  rmSync(bundle.index);
  t.is(await bundle.delta(), undefined);
});

test('a bundle that was moved keeps its index', async (t) => {
  const bundle = await makeBundle(t, (at) => writeFileSync(at('f'), ''));
  const dir = dirname(bundle.rootfs);
  renameSync(dir, `${dir}-moved`);
  renameSync(`${dir}-moved`, dir);
  t.deepEqual(await bundle.delta(), []);
});

test('few changes among many files are found, wherever they are', async (t) => {
  const names = Array.from({ length: 1000 }, (_, i) => `f${String(i).padStart(4, '0')}`);
  const bundle = await makeBundle(t, (at) => {
    for (const name of names) writeFileSync(at(name), '');
    utimesSync(at('.'), 1, 1);
  });
  const { at } = bundle;
  keepTimes(at('.'), () => {
    for (const name of ['f0000', 'f0127', 'f0500', 'f0999']) writeFileSync(at(name), 'changed');
    for (const name of ['f0001', 'f0300']) rmSync(at(name));
    for (const name of ['a', 'f0300-', 'z']) writeFileSync(at(name), '');
  });
  const expected = [
    ...['add a', 'add f0300-', 'add z', 'delete f0001', 'delete f0300'],
    ...['modify f0000', 'modify f0127', 'modify f0500', 'modify f0999'],
  ];
  const found = (await bundle.delta())!;
  // tmpfs counts a directory's entries in its size
  t.deepEqual(
    found.filter((row) => row !== 'modify .'),
    expected,
  );
});
