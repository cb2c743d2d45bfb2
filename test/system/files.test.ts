import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { fchmodat, fchownat, futimens, unchangedTime, utimensat } from '../../src/system/attributes.js';
import { SystemError } from '../../src/system/errno.js';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  linkat,
  mkdirat,
  mknodat,
  O,
  openat,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  readlinkat,
  renameat2,
  S,
  symlinkat,
  tryMkdirat,
  unlinkat,
} from '../../src/system/files.js';
import { flock } from '../../src/system/lock.js';
import { DT, readDirectory } from '../../src/system/readdir.js';
import { StatBuffer, statAt, statFd } from '../../src/system/stat.js';
import { getXattr, listXattrs, pathIn, removeXattr, setXattr } from '../../src/system/xattr.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

test('names of any bytes are made, listed and removed', (t) => {
  const fd = openSync(tmpdir(t), O.RDONLY);
  t.teardown(() => closeSync(fd));
  const names = ['plain', 'new\nline', '\xff\xfe not UTF-8', 'caf\xc3\xa9'];
  for (const name of names) mkdirat(fd, name, 0o700);
  symlinkat('\x80/target', fd, 'link');
  t.is(readlinkat(fd, 'link'), '\x80/target');
  const listing = openat(fd, '.', O.RDONLY | O.DIRECTORY);
  const entries = readDirectory(listing);
  t.deepEqual(entries.map((entry) => entry.name).sort(), [...names, 'link'].sort());
  t.is(entries.find((entry) => entry.name === 'link')?.type, DT.LNK);
  closeSync(listing);
  for (const name of names) unlinkat(fd, name, AT_REMOVEDIR);
});

test('a failure says what failed, where', (t) => {
  const dir = tmpdir(t);
  const error = t.throws(() => mkdirat(AT_FDCWD, `${dir}/a/b`, 0o700), { instanceOf: SystemError });
  t.like(error, { code: 'ENOENT', syscall: 'mkdirat', path: `${dir}/a/b` });
  t.is(tryMkdirat(AT_FDCWD, dir, 0o700), -17);
  t.throws(() => openat(AT_FDCWD, `${dir}\0/x`, O.RDONLY), { code: 'EINVAL' });
  t.throws(() => openat(AT_FDCWD, 'x'.repeat(5000), O.RDONLY), { code: 'ENAMETOOLONG' });
});

test('stat tells what the file is, as node does', (t) => {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'file'), 'content');
  utimensat(AT_FDCWD, join(dir, 'file'), { sec: 0, nsec: 0 }, { sec: -5, nsec: 123456789 });
  const stat = new StatBuffer();
  for (const path of [join(dir, 'file'), dir, '/dev/null', '/dev/sda', '/proc/self/exe']) {
    if (!statAt(AT_FDCWD, path, stat)) continue;
    const node = lstatSync(path, { bigint: true });
    t.is(stat.type | stat.mode, Number(node.mode), path);
    t.is(stat.ino, node.ino);
    t.is(BigInt(stat.inoLow) | (BigInt(stat.inoHigh) << 32n), node.ino);
    t.is(stat.size, Number(node.size));
    t.is(stat.nlink, Number(node.nlink));
    t.is(stat.uid, Number(node.uid));
    t.is(BigInt(stat.mtimeSec) * 1000000000n + BigInt(stat.mtimeNsec), node.mtimeNs);
    t.is(BigInt(stat.ctimeSec) * 1000000000n + BigInt(stat.ctimeNsec), node.ctimeNs);
    t.is(stat.rdevMajor, Number((node.rdev >> 8n) & 0xfffn));
  }
  t.false(statAt(AT_FDCWD, join(dir, 'missing'), stat));
  t.false(statAt(AT_FDCWD, join(dir, 'file/below'), stat));
});

test('times keep their nanoseconds, before 1970 and after 2106 too', (t) => {
  const dir = tmpdir(t);
  const fd = openat(AT_FDCWD, join(dir, 'file'), O.WRONLY | O.CREAT, 0o600);
  t.teardown(() => closeSync(fd));
  const stat = new StatBuffer();
  for (const [sec, nsec] of [
    [1, 999999999],
    [-1, 1],
    [-3000000000, 5],
    [6000000000, 7],
  ] as const) {
    futimens(fd, { sec, nsec }, { sec, nsec }, 'file');
    statFd(fd, stat);
    t.deepEqual([stat.mtimeSec, stat.mtimeNsec], [sec, nsec]);
  }
  utimensat(AT_FDCWD, join(dir, 'file'), { sec: 1, nsec: 1 }, unchangedTime);
  statFd(fd, stat);
  t.deepEqual([stat.mtimeSec, stat.mtimeNsec], [6000000000, 7]);
});

test('rename replaces, refuses or exchanges', (t) => {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'a'), 'a');
  writeFileSync(join(dir, 'b'), 'b');
  t.throws(() => renameat2(AT_FDCWD, join(dir, 'a'), AT_FDCWD, join(dir, 'b'), RENAME_NOREPLACE), {
    code: 'EEXIST',
  });
  renameat2(AT_FDCWD, join(dir, 'a'), AT_FDCWD, join(dir, 'b'), RENAME_EXCHANGE);
  t.is(readFileSync(join(dir, 'a'), 'utf8'), 'b');
});

test('a hardlink to a symlink links the symlink', (t) => {
  const dir = tmpdir(t);
  symlinkat('/nowhere', AT_FDCWD, join(dir, 'link'));
  linkat(AT_FDCWD, join(dir, 'link'), AT_FDCWD, join(dir, 'hard'));
  t.is(readlinkSync(join(dir, 'hard')), '/nowhere');
});

rootTest('owner and mode', (t) => {
  const dir = tmpdir(t);
  symlinkat('/etc/passwd', AT_FDCWD, join(dir, 'link'));
  fchownat(AT_FDCWD, join(dir, 'link'), 4294967294, 3000000000);
  t.is(lstatSync(join(dir, 'link')).uid, 4294967294);
  t.is(lstatSync(join(dir, 'link')).gid, 3000000000);
  t.is(lstatSync('/etc/passwd').uid, 0);
  writeFileSync(join(dir, 'file'), '');
  fchmodat(AT_FDCWD, join(dir, 'file'), 0o6751);
  t.is(lstatSync(join(dir, 'file')).mode & 0o7777, 0o6751);
});

rootTest('device numbers of all sizes', (t) => {
  const dir = tmpdir(t);
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [4095, 1048575],
    [259, 300],
  ] as const) {
    const path = join(dir, `${major}-${minor}`);
    mknodat(AT_FDCWD, path, S.IFBLK | 0o600, major, minor);
    t.is(execFileSync('stat', ['-c', '%Hr %Lr', path], { encoding: 'utf8' }).trim(), `${major} ${minor}`);
  }
  t.throws(() => mknodat(AT_FDCWD, join(dir, 'x'), S.IFBLK, 4096, 0), { code: 'EINVAL' });
});

test('extended attributes are binary', (t) => {
  const dir = tmpdir(t);
  const value = Buffer.from([0, 255, 10, 0]);
  writeFileSync(join(dir, 'file'), '');
  const fd = openSync(join(dir, 'file'), 'r+');
  const dirfd = openSync(dir, 'r');
  t.teardown(() => [fd, dirfd].map((each) => closeSync(each)));
  setXattr(fd, 'user.\xff', value);
  setXattr(pathIn(dirfd, 'file'), 'user.empty', Buffer.alloc(0));
  t.deepEqual(listXattrs(join(dir, 'file')).sort(), ['user.empty', 'user.\xff']);
  t.deepEqual(getXattr(pathIn(dirfd, 'file'), 'user.\xff'), value);
  t.deepEqual(getXattr(fd, 'user.empty'), Buffer.alloc(0));
  t.is(getXattr(fd, 'user.none'), undefined);
  t.true(removeXattr(fd, 'user.empty'));
  t.false(removeXattr(fd, 'user.empty'));
  t.throws(() => listXattrs('/proc/self/nothing'), { code: 'ENOENT' });
});

test('a lock keeps other processes out', (t) => {
  const path = join(tmpdir(t), 'lock');
  const fd = openSync(path, 'w');
  t.teardown(() => closeSync(fd));
  const other = () => spawnSync('flock', ['-n', path, 'true']).status;
  t.true(flock(fd, 'exclusive'));
  t.is(other(), 1);
  t.true(flock(fd, 'unlock'));
  t.is(other(), 0);
  const second = openSync(path, 'w');
  t.teardown(() => closeSync(second));
  t.true(flock(second, 'exclusive', { wait: true }));
  t.false(flock(fd, 'shared'));
});
