import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { fromText } from '../../src/system/bytes.js';
import { bootId, filesystemOf, syncFilesystem } from '../../src/system/filesystem.js';
import {
  isMountPoint,
  MS,
  mountBind,
  mountOverlay,
  moveMount,
  overlayRequest,
  tryBindByFlags,
  unmount,
} from '../../src/system/mount.js';
import { findMount, mountsBelow } from '../../src/system/mountinfo.js';
import { mountByContext } from '../../src/system/overlay-fscontext.js';
import { mountByOptions } from '../../src/system/overlay-legacy.js';
import { overlayDirsOf } from '../../src/system/overlay-options.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

/** What overlay options, mountinfo and shells each escape, and bytes that are malformed UTF-8 when separated. */
const odd = 'a:b,c\\d\ne\\,"= é';

interface Dirs {
  at: (name: string) => string;
  lowerdirs: string[];
  upperdir: string;
  workdir: string;
  target: string;
}

/** `count` layers with a file each, in a directory of the name `name`. */
function layers(t: ExecutionContext, count: number, name = 'dir'): Dirs {
  const dir = join(tmpdir(t), name);
  const at = (file: string) => fromText(join(dir, file));
  const make = (file: string): string => {
    mkdirSync(join(dir, file), { recursive: true });
    return at(file);
  };
  const lowerdirs = Array.from({ length: count }, (_, index) => {
    const path = make(`${index}/fs`);
    writeFileSync(join(dir, `${index}/fs/file${index}`), '');
    return path;
  });
  t.teardown(() =>
    mountsBelow(fromText(dir))
      .reverse()
      .map(({ mountPoint }) => unmount(mountPoint, { detach: true })),
  );
  return { at, lowerdirs, upperdir: make('upper'), workdir: make('work'), target: make('target') };
}

const bytes = (path: string) => Buffer.from(path, 'latin1');

function isMounted(t: ExecutionContext, { target, lowerdirs, upperdir, workdir }: Dirs): void {
  t.is(readdirSync(bytes(target)).length, lowerdirs.length);
  writeFileSync(bytes(`${target}/new`), 'x');
  t.is(readFileSync(bytes(`${upperdir}/new`), 'utf8'), 'x');
  t.deepEqual(overlayDirsOf(findMount(target)!), { lowerdirs, upperdir, workdir });
}

for (const name of ['dir', odd, 'l'.repeat(250)]) {
  for (const [api, mount] of Object.entries({ fsopen: mountByContext, mount: mountByOptions })) {
    rootTest(`${api} mounts layers below ${JSON.stringify(name.slice(0, 20))}`, (t) => {
      const dirs = layers(t, 3, name);
      const refusal = mount(overlayRequest(dirs), dirs.target);
      if (refusal?.unavailable) return t.log('this kernel is too old for it');
      t.is(refusal, null);
      isMounted(t, dirs);
      t.true(isMountPoint(dirs.target));
      t.true(unmount(dirs.target));
      t.false(unmount(dirs.target));
    });
  }
}

rootTest('a name that is not UTF-8 is mounted', (t) => {
  const dirs = layers(t, 2);
  const path = dirs.at('\xff\xfe');
  mkdirSync(bytes(path));
  mountOverlay({ ...dirs, lowerdirs: [path, ...dirs.lowerdirs] }, dirs.target);
  t.is(overlayDirsOf(findMount(dirs.target)!).lowerdirs[0], path);
});

rootTest('500 layers mount, and 501 are refused with a reason', (t) => {
  const dirs = layers(t, 501);
  const fits = { ...dirs, lowerdirs: dirs.lowerdirs.slice(0, 500) };
  mountOverlay(fits, dirs.target);
  isMounted(t, fits);
  unmount(dirs.target);
  const error = t.throws(() => mountOverlay(dirs, dirs.target));
  t.true(isLayerhookError(error, 'MOUNT_FAILED'), String(error));
  t.regex(error!.message, /501 layers|limit is 500/);
});

rootTest('mount(2) takes 300 layers by short names, and the working directory stays the same', (t) => {
  const dirs = layers(t, 300);
  const before = readlinkSync('/proc/self/cwd');
  t.is(mountByOptions(overlayRequest(dirs), dirs.target), null);
  t.is(readlinkSync('/proc/self/cwd'), before);
  t.is(readdirSync(dirs.target).length, 300);
  unmount(dirs.target);
  const far = layers(t, 1);
  const split = { ...dirs, lowerdirs: [...dirs.lowerdirs, ...far.lowerdirs] };
  const refusal = mountByOptions(overlayRequest(split), dirs.target);
  t.regex(refusal!.log.join(), /need \d+ bytes of options, but this kernel .*accepts 4095/);
});

rootTest('options that were not asked for are off, those that were are on', (t) => {
  const dirs = layers(t, 2);
  const names = (options: [string, string | null][]) =>
    options.map(([name, value]) => `${name}=${value}`).sort();
  const off = ['index=off', 'metacopy=off', 'redirect_dir=off', 'xino=off'];
  t.deepEqual(names(overlayRequest(dirs).options), off);
  t.deepEqual(names(overlayRequest({ ...dirs, options: ['userxattr'] }).options), [
    'index=off',
    'metacopy=off',
    'userxattr=null',
    'xino=off',
  ]);
  mountOverlay({ ...dirs, options: ['index=on'], flags: MS.NODEV, source: 'layers' }, dirs.target);
  const mounted = findMount(dirs.target)!;
  t.is(mounted.source, 'layers');
  t.true(mounted.options.includes('nodev'));
  t.deepEqual(
    mounted.superOptions.find(([name]) => name === 'index'),
    ['index', 'on'],
  );
  unmount(dirs.target);
  mountOverlay({ lowerdirs: dirs.lowerdirs, flags: MS.RDONLY }, dirs.target);
  t.throws(() => writeFileSync(`${dirs.target}/x`, ''), { code: 'EROFS' });
});

rootTest('a mount that fails says why, and what would be right', (t) => {
  const dirs = layers(t, 2);
  const other = layers(t, 2);
  mountOverlay(dirs, dirs.target);
  mkdirSync(`${dirs.target}/u`);
  mkdirSync(`${dirs.target}/w`);
  const elsewhere = other.at('elsewhere');
  mkdirSync(elsewhere);
  execFileSync('mount', ['-t', 'ramfs', 'ramfs', elsewhere]);
  mkdirSync(`${elsewhere}/work`);
  const cases: [Parameters<typeof mountOverlay>[0], string, RegExp][] = [
    [{ ...other, upperdir: '/no\nsuch' }, other.target, /: \/no\\nsuch is not a directory$/],
    [other, '/no/such', /at \/no\/such: \/no\/such is not a directory$/],
    [{ ...other, options: ['colour=red'] }, other.target, /Unknown parameter 'colour'/],
    [{ lowerdirs: other.lowerdirs.slice(0, 1) }, other.target, /one layer only/],
    [
      { ...other, upperdir: `${dirs.target}/u`, workdir: `${dirs.target}/w` },
      other.target,
      /\/u is on overlay$/,
    ],
    [{ ...other, workdir: `${elsewhere}/work` }, other.target, /on different filesystems|same mount/],
  ];
  for (const [overlay, target, message] of cases) {
    const error = t.throws(() => mountOverlay(overlay, target));
    t.true(isLayerhookError(error, 'MOUNT_FAILED'), String(error));
    t.regex(error!.message, message);
    t.not((error as { hint?: string }).hint, '');
  }
  t.false(isMountPoint(other.target));
});

rootTest('a directory is bound, read-only if asked, also by kernels without mount_setattr', (t) => {
  const { lowerdirs, target } = layers(t, 1);
  const [source] = lowerdirs as [string];
  mountBind(source, target);
  writeFileSync(`${target}/seen`, '');
  t.true(existsSync(`${source}/seen`));
  unmount(target);
  const readOnly = { flags: MS.RDONLY | MS.NOSUID };
  for (const bind of [
    () => mountBind(source, target, readOnly),
    () => mountBind(source, target, { ...readOnly, recursive: true }),
    () => t.is(tryBindByFlags(source, target, readOnly.flags, true), 0),
  ]) {
    bind();
    t.throws(() => writeFileSync(`${target}/x`, ''), { code: 'EROFS' });
    t.true(findMount(target)!.options.includes('nosuid'));
    t.true(unmount(target));
  }
  writeFileSync(`${source}/still-writable`, '');
  const error = t.throws(() => mountBind('/no/such', target));
  t.regex(error!.message, /cannot mount \/no\/such at .*: \/no\/such does not exist/);
});

rootTest('a mount is moved with the mounts in it, also on a shared mount', (t) => {
  for (const propagation of ['--make-private', '--make-shared']) {
    const { at, lowerdirs, upperdir, workdir, target } = layers(t, 2);
    mountBind(at('.'), at('.'));
    execFileSync('mount', [propagation, at('.')]);
    mountOverlay({ lowerdirs, upperdir, workdir }, target);
    mkdirSync(`${target}/inner`);
    mountBind(lowerdirs[0]!, `${target}/inner`);
    mkdirSync(at('to'));
    moveMount(target, at('to'));
    t.false(isMountPoint(target));
    t.deepEqual(readdirSync(target), []);
    t.is(findMount(at('to'))?.type, 'overlay');
    t.true(existsSync(`${at('to')}/inner/file0`));
  }
});

rootTest('unmounting follows no symlink, and says what keeps a mount', (t) => {
  const { at, lowerdirs, target } = layers(t, 1);
  mountBind(lowerdirs[0]!, target);
  symlinkSync(target, at('link'));
  t.false(unmount(at('link')));
  t.true(isMountPoint(target));
  const open = openSync(target, 'r');
  const error = t.throws(() => unmount(target));
  closeSync(open);
  t.true(isLayerhookError(error, 'UNMOUNT_FAILED'), String(error));
  t.regex(error!.message, /: resource busy or locked \(EBUSY\)$/);
  t.true(unmount(target));
});

test('a file system is described and synced, a boot has its id', async (t) => {
  const dir = fromText(tmpdir(t));
  const { type, size, free, inodes } = filesystemOf(dir);
  t.regex(type, /^[a-z0-9]+$/);
  t.true(size >= free && free > 0 && inodes > 0);
  t.is(filesystemOf('/proc').type, 'proc');
  await t.notThrowsAsync(syncFilesystem(dir));
  await t.throwsAsync(syncFilesystem('/no/such'), { message: /ENOENT/ });
  t.regex(bootId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  t.is(bootId(), bootId());
});
