import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  createTemporary,
  flock,
  openTrustedDirectory,
  sweepTemporaries,
  type TrustOptions,
  writeFileAt,
} from '../../src/system/index.js';
import { rootTest } from '../helpers/root-test.js';
import { removeDirectory } from '../helpers/tmp.js';
import { sh } from '../overlay/mounted.js';

/** Where only root may write. */
function setup(t: ExecutionContext<unknown>) {
  const dir = mkdtempSync('/run/layerhook-test-');
  chmodSync(dir, 0o755);
  t.teardown(() => removeDirectory(dir));
  return dir;
}

/** The path that a descriptor leads to. */
function opened(path: string, options: TrustOptions = {}): string {
  const fd = openTrustedDirectory(path, options);
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

rootTest('a symlink is followed only where neither others nor a container may write', (t) => {
  const dir = setup(t);
  sh(
    dir,
    'mkdir -p real/in open sticky theirs volume; chmod 777 open; chmod 1777 sticky; chown 65534 theirs',
  );
  sh(dir, 'for d in . open sticky theirs volume; do ln -s ../real $d/link; ln -s ../../.. $d/up; done');
  rmSync(join(dir, 'link'));
  symlinkSync('real', join(dir, 'link'));
  t.is(opened(join(dir, 'link')), join(dir, 'real'));
  t.is(opened(join(dir, 'link/in/../in')), join(dir, 'real/in'));
  t.is(opened(join(dir, 'volume/link/in')), join(dir, 'real/in'));
  const untrusted = [join(dir, 'volume'), join(dir, 'missing')];
  for (const name of ['open', 'sticky', 'theirs', 'volume'])
    for (const path of [`${name}/link`, `${name}/link/in`, `${name}/up`, `link/../${name}/link`]) {
      const error = t.throws(() => opened(`${dir}/${path}`, { untrusted, make: 0o755 }), {
        code: 'DIRECTORY_INVALID',
      });
      t.regex(error!.message, /is a symlink that a container or another user may have created/, path);
    }
  t.is(opened(`${dir}/theirs/../link`), join(dir, 'real'));
  mkdirSync(join(dir, 'volume/plain'));
  t.is(opened(join(dir, 'volume/plain'), { untrusted }), join(dir, 'volume/plain'));
});

rootTest('loops, files in the way and missing directories', (t) => {
  const dir = setup(t);
  symlinkSync('loop', join(dir, 'loop'));
  writeFileSync(join(dir, 'file'), '');
  t.throws(() => opened(join(dir, 'loop')), { code: 'ELOOP' });
  t.throws(() => opened(join(dir, 'file/in')), {
    code: 'DIRECTORY_INVALID',
    message: /file is not a directory/,
  });
  t.throws(() => opened(join(dir, 'a/b')), { code: 'ENOENT' });
  t.is(opened(join(dir, 'a/b'), { make: 0o700 }), join(dir, 'a/b'));
  t.is(lstatSync(join(dir, 'a')).mode & 0o777, 0o700);
  t.throws(() => opened('/proc/nowhere/a', { make: 0o700 }), { code: 'ENOENT' });
});

rootTest('temporary names differ, and a sweep removes only what no process holds', (t) => {
  const dir = setup(t);
  const fd = openTrustedDirectory(dir);
  const held = createTemporary(fd, 'final', 'directory');
  const dead = [createTemporary(fd, 'final', 'file'), createTemporary(fd, 'final', 'directory')];
  t.is(new Set([held, ...dead].map(({ name }) => name)).size, 3);
  for (const { fd: lock } of dead) closeSync(lock);
  const prefix = held.name.slice(0, held.name.lastIndexOf('-') + 1);
  mkdirSync(join(dir, 'host'));
  writeFileSync(join(dir, 'host/canary'), 'precious');
  symlinkSync(join(dir, 'host'), join(dir, `${prefix}link.tmp`));
  symlinkSync(join(dir, 'host'), join(dir, dead[1]!.name, 'link'));
  sh(dir, `mkfifo ${prefix}fifo.tmp`);
  sweepTemporaries(fd, 'final');
  const left = [held.name, `${prefix}fifo.tmp`, `${prefix}link.tmp`, 'host'];
  t.deepEqual(readdirSync(dir).sort(), left.sort());
  t.is(readFileSync(join(dir, 'host/canary'), 'utf8'), 'precious');
  t.false(flock(openTrustedDirectory(join(dir, held.name)), 'exclusive'));
});

rootTest('a file is replaced, not written to', (t) => {
  const dir = setup(t);
  const fd = openTrustedDirectory(dir);
  writeFileSync(join(dir, 'canary'), 'precious');
  symlinkSync('canary', join(dir, 'name'));
  chownSync(dir, 65534, 65534);
  for (const content of ['one', 'two']) {
    writeFileAt(fd, 'name', content, 0o640);
    t.is(readFileSync(join(dir, 'name'), 'utf8'), content);
    t.is(lstatSync(join(dir, 'name')).mode & 0o7777, 0o640);
  }
  t.throws(() => writeFileAt(fd, '.', '', 0o600));
  t.deepEqual(readdirSync(dir).sort(), ['canary', 'name']);
  t.is(readFileSync(join(dir, 'canary'), 'utf8'), 'precious');
});
