import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { removeDirectory } from '../../helpers/tmp.js';
import { sh } from '../../overlay/mounted.js';
import { type Stopped, statuses, stopped } from './setup.js';

const other = 65534;

/** A directory on whose path nothing but root may write, unlike /tmp. */
function trustedDirectory(t: ExecutionContext<unknown>): string {
  const dir = mkdtempSync('/run/layerhook-test-');
  chmodSync(dir, 0o755);
  t.teardown(() => removeDirectory(dir));
  return dir;
}

function changed(t: ExecutionContext<unknown>, volumes: string[] = []): Stopped {
  const container = stopped(t, (at) => sh(at('.'), 'echo a > a'), { volumes });
  sh(container.merged, 'echo new > new; rm a');
  return container;
}

const archive = (to: string, more: Record<string, string> = {}) => ({
  ...{ 'mount-point': '/data', 'archive-to': to },
  ...more,
});

const owners = [
  ['root', 0, 0o755],
  ['another user', other, 0o755],
  ['another user, sticky', other, 0o1777],
] as const;

/** What a container may leave at the success file or at the destination, and what the hook makes of it. */
const inTheWay: Record<string, { put: (path: string, canary: string) => void; refused?: string }> = {
  'a symlink': { put: (path, canary) => symlinkSync(canary, path) },
  'a relative symlink': { put: (path) => symlinkSync('../canary', path) },
  'a symlink that leads nowhere': { put: (path, canary) => symlinkSync(`${canary}.new`, path) },
  'a symlink to itself': { put: (path) => symlinkSync(path, path) },
  'a hardlink': { put: (path, canary) => linkSync(canary, path) },
  'a file': { put: (path) => writeFileSync(path, 'theirs') },
  'a FIFO': { put: (path) => void execFileSync('mkfifo', [path]), refused: 'a FIFO is there' },
  'a device': {
    put: (path) => void execFileSync('mknod', [path, 'c', '1', '3']),
    refused: 'a device is there',
  },
  'a directory': { put: (path) => mkdirSync(path), refused: 'a directory is there' },
};

for (const [owner, uid, mode] of owners)
  for (const [what, { put, refused }] of Object.entries(inTheWay)) {
    rootTest(`${what} at the success file and at a tar, in a directory of ${owner}, leads nowhere`, (t) => {
      const { stop, out } = changed(t);
      const canary = join(out, 'canary');
      writeFileSync(canary, 'precious', { mode: 0o600 });
      const before = statSync(canary, { bigint: true });
      const shared = join(out, 'shared');
      mkdirSync(shared);
      chmodSync(shared, mode);
      const [success, tar] = [join(shared, 'ok'), join(shared, 'tar')];
      for (const path of [success, tar]) {
        put(path, canary);
        execFileSync('chown', ['-h', String(uid), path]);
      }
      // a hardlink shares its owner
      chownSync(canary, 0, 0);
      chownSync(shared, uid, uid);
      const { status, log } = stop({
        data: archive(join(out, 'data'), { success }),
        tar: archive(tar, { method: 'tar' }),
      });
      t.is(readFileSync(canary, 'utf8'), 'precious');
      t.like(statSync(canary, { bigint: true }), { mode: before.mode, ino: before.ino });
      t.false(existsSync(`${canary}.new`));
      t.deepEqual(readdirSync(join(out, 'data')).sort(), ['a', 'new']);
      t.deepEqual(readdirSync(shared).sort(), ['ok', 'tar']);
      t.is(status, refused === undefined ? 0 : 1, log);
      if (refused === undefined) {
        for (const path of [success, tar]) t.true(lstatSync(path).isFile());
        t.is(lstatSync(success).size, 0);
        t.is(lstatSync(success).uid, 0);
        t.not(lstatSync(tar).ino, Number(before.ino));
      } else {
        t.true(log.includes(`cannot archive to ${success}: ${refused}`), log);
        t.true(log.includes(`cannot archive to ${tar}: ${refused}`), log);
        for (const path of [success, tar]) t.false(lstatSync(path).isFile());
      }
    });
  }

rootTest('a socket at the success file stays', async (t) => {
  const { stop, out } = changed(t);
  const success = join(out, 'ok');
  const server = createServer();
  await new Promise<void>((done) => server.listen(success, done));
  t.teardown(() => void server.close());
  const { status, log } = stop({ data: archive(join(out, 'data'), { success }) });
  t.is(status, 1);
  t.regex(log, /ok: a socket is there/);
  t.true(lstatSync(success).isSocket());
  t.true(existsSync(join(out, 'data/new')));
});

/** Lays `volume/link`, a symlink of others to a directory of the host, and names paths below it. */
function linkedParents(t: ExecutionContext<unknown>, uid: number) {
  const dir = trustedDirectory(t);
  const [volume, host] = [join(dir, 'volume'), join(dir, 'host')];
  for (const made of [volume, host, join(host, 'deep')]) mkdirSync(made);
  writeFileSync(join(host, 'ok'), '');
  writeFileSync(join(host, 'canary'), 'precious');
  const image = buildImage(t, [execFileSync('tar', ['-cf', '-', '-T', '/dev/null'])]);
  execFileSync('cp', ['-r', image.layout, join(host, 'layout')]);
  symlinkSync('../host', join(volume, 'link'));
  mkdirSync(join(volume, 'own'));
  symlinkSync(join(host, 'deep'), join(volume, 'own/link'));
  execFileSync('chown', ['-hR', `${uid}:${uid}`, volume]);
  return { dir, volume, host };
}

for (const [owner, uid] of [
  ['a container as root', 0],
  ['another user', other],
] as const)
  test(`no parent that ${owner} made a symlink is followed, for any method`, (t) => {
    if (!requires(t, 'root', 'tar')) return;
    const { volume, host } = linkedParents(t, uid);
    const { stop, out, records } = changed(t, uid === 0 ? [volume] : []);
    const listing = () => sh(host, 'find . -printf "%p %s %T@ %U %m\n" | sort');
    const before = listing();
    const link = join(volume, 'link');
    const wanted = {
      copy: archive(join(link, 'copy')),
      made: archive(join(link, 'new/parents/copy')),
      deep: archive(join(volume, 'own/link/copy')),
      dots: archive(`${volume}/own/../link/dots`),
      tar: archive(join(link, 'tar'), { method: 'tar' }),
      gzip: archive(join(link, 'gz'), { method: 'tar.gz' }),
      zstd: archive(join(link, 'zst'), { method: 'tar.zst' }),
      oci: archive(`${join(link, 'layout')}:latest`, { method: 'oci' }),
      ok: archive(join(out, 'ok'), { success: join(link, 'ok') }),
      fresh: archive(join(out, 'fresh'), { success: join(link, 'fresh') }),
    };
    const { status, log } = stop(wanted);
    t.is(status, 1);
    t.is(listing(), before);
    for (const name of ['copy', 'made', 'deep', 'dots', 'tar', 'gzip', 'zstd', 'oci', 'ok', 'fresh'])
      t.regex(
        log,
        new RegExp(`Archive ${name} failed: .*link.* is a symlink that a container or another user may have`),
      );
    t.true(Object.values(statuses(records())).every((is) => is === 'failed'));
    t.deepEqual(readdirSync(volume).sort(), ['link', 'own']);
    // the archive is more than its success file
    t.deepEqual(readdirSync(out).sort(), ['fresh', 'ok']);
  });

rootTest('symlinks of the operator are followed, those in an archive of a container are not', (t) => {
  const dir = trustedDirectory(t);
  for (const made of ['real', 'host']) mkdirSync(join(dir, made));
  symlinkSync('real', join(dir, 'link'));
  symlinkSync(join(dir, 'link'), join(dir, 'second'));
  const { stop, merged } = changed(t);
  symlinkSync(join(dir, 'host'), join(merged, 'out'));
  const copy = join(dir, 'second/below/copy');
  const wanted = {
    copy: archive(copy, { success: join(dir, 'link/ok') }),
    tar: archive(join(dir, 'link/tar'), { method: 'tar', success: join(copy, 'out/ok') }),
  };
  const { status, log } = stop({ copy: wanted.copy });
  t.is(status, 0, log);
  t.deepEqual(readdirSync(join(dir, 'real')).sort(), ['below', 'ok']);
  t.deepEqual(readdirSync(join(dir, 'real/below/copy')).sort(), ['a', 'new', 'out']);
  const inside = stop({ copy: archive(copy, { success: join(copy, 'out/ok') }) });
  t.is(inside.status, 1);
  t.regex(inside.log, /copy\/out is a symlink that a container or another user may have created/);
  t.deepEqual(readdirSync(join(dir, 'host')), []);
});

rootTest('records are neither written nor locked through symlinks', (t) => {
  const { stop, again, out } = changed(t);
  const canary = join(out, 'canary');
  writeFileSync(canary, 'precious');
  t.is(stop({ data: archive(join(out, 'data')) }).status, 0);
  const containers = join(out, '../state/containers');
  const lock = readdirSync(containers).find((name) => name.endsWith('.lock'))!;
  rmSync(join(containers, lock));
  symlinkSync(canary, join(containers, lock));
  const { status, log } = again();
  t.is(status, 1);
  t.regex(log, /cannot lock .*\.lock: .*ELOOP/);
  t.is(readFileSync(canary, 'utf8'), 'precious');
});

rootTest('a state directory of another user is not used', (t) => {
  const { stop, out } = changed(t);
  const dir = join(out, 'state');
  for (const made of [dir, join(dir, 'containers'), join(dir, 'directories')]) {
    mkdirSync(made);
    chownSync(made, other, other);
  }
  const { status, log } = stop({ data: archive(join(out, 'data')) }, '--state-dir', dir);
  t.is(status, 0, log);
  t.regex(log, /Cannot record results in .*other users may write to it/);
  t.deepEqual(readdirSync(join(dir, 'containers')), []);
});
