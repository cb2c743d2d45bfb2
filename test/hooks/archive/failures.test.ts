import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { errorLine } from '../../helpers/error-line.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { sh } from '../../overlay/mounted.js';
import { runHook, type Stopped, script, statuses, stopped } from './setup.js';

function changed(t: ExecutionContext<unknown>): Stopped {
  const container = stopped(t, (at) => sh(at('.'), 'echo a > a'));
  sh(container.merged, 'echo new > new; rm a');
  return container;
}

/** Returns the first line of a log with a text. */
function lineOf(log: string, text: string): string {
  return log.split('\n').find((line) => line.includes(text)) ?? '';
}

const archive = (to: string, more: Record<string, string> = {}) => ({
  ...{ 'mount-point': '/data', 'archive-to': to },
  ...more,
});

rootTest('half a pair, unknown arguments and methods are warned of and ignored, the others archived', (t) => {
  const { stop, out } = changed(t);
  const { status, log } = stop({
    good: archive(join(out, 'good'), { colour: 'red' }),
    half: { 'mount-point': '/data' },
    other: { 'archive-to': join(out, 'other') },
    odd: archive(join(out, 'odd'), { method: 'zip' }),
    owner: archive(join(out, 'owner'), { method: 'tar', 'tar-content-owner': 'root' }),
  });
  t.is(status, 0);
  for (const warning of [
    /level=warning .*colour for archive good/,
    /level=warning .*archive-to .*archive half/,
    /level=warning .*mount-point .*archive other/,
    /level=warning .*method .*archive odd.*zip/,
    /level=warning .*tar-content-owner .*archive owner.*root/,
  ])
    t.regex(log, warning);
  t.deepEqual(readdirSync(out).sort(), ['good', 'owner']);
});

rootTest('every archive is attempted, what failed is recorded, and retry makes it', (t) => {
  const { stop, again, out, records } = changed(t);
  const blocked = join(out, 'blocked');
  writeFileSync(blocked, 'a file, not a directory');
  const success = join(out, 'ok');
  const wanted = {
    a: archive(join(blocked, 'a'), { success }),
    b: archive(join(out, 'b')),
    c: { ...archive(join(out, 'c')), 'mount-point': '/proc' },
    d: { ...archive(join(out, 'd')), 'mount-point': '/nowhere' },
    e: archive('relative'),
  };
  const { status, log } = stop(wanted);
  t.is(status, 1);
  t.regex(log, /Archive a failed: .*blocked cannot be used as a directory: it is not a directory/);
  t.regex(log, /Archive c failed: no upperdir found for \/proc/);
  t.regex(log, /Archive d failed: no upperdir found for \/nowhere: .*has no mount there/);
  t.regex(log, /Archive e failed: cannot archive to relative: the path is relative/);
  t.regex(lineOf(log, 'Archive d '), errorLine('ARCHIVE_UPPERDIR'));
  t.regex(lineOf(log, 'Archive e '), errorLine('ARCHIVE_DESTINATION'));
  t.deepEqual(statuses(records()), { a: 'failed', b: 'done', e: 'failed' });
  t.false(existsSync(success));
  t.is(again('retry').status, 1);
  rmSync(blocked);
  t.is(again('retry', 'box').status, 1);
  t.deepEqual(statuses(records()), { a: 'done', b: 'done', e: 'failed' });
  t.true(existsSync(success));
  t.deepEqual(readdirSync(join(blocked, 'a')).sort(), ['a', 'new']);
  t.regex(again('retry', 'no-such').log, /container no-such has no recorded archive/);
});

rootTest(
  'called twice for one stop it does nothing, after another start it replaces its own archive',
  (t) => {
    const { stop, again, out, merged } = changed(t);
    const copy = join(out, 'copy');
    const wanted = { data: archive(copy) };
    t.is(stop(wanted).status, 0);
    const first = lstatSync(copy).ino;
    const { status, log } = again();
    t.is(status, 0);
    t.regex(log, /was made already/);
    t.is(lstatSync(copy).ino, first);
    // a runtime whose config.json stays the same from one start to the next
    sh(merged, 'echo more > more');
    t.is(again().status, 0);
    t.deepEqual(readdirSync(copy).sort(), ['a', 'more', 'new']);
    sh(merged, 'rm more');
    t.is(stop(wanted).status, 0);
    t.deepEqual(readdirSync(copy).sort(), ['a', 'new']);
    t.deepEqual(readdirSync(out), ['copy']);
  },
);

rootTest('a foreign directory is never overwritten by an archive', (t) => {
  const { stop, again, out } = changed(t);
  const [theirs, file] = [join(out, 'theirs'), join(out, 'file')];
  mkdirSync(theirs);
  writeFileSync(join(theirs, 'precious'), 'x');
  writeFileSync(file, 'x');
  mkdirSync(join(out, 'empty'));
  const wanted = {
    ...{ copy: archive(theirs), tar: archive(theirs, { method: 'tar' }), file: archive(file) },
    ...{ empty: archive(join(out, 'empty')) },
  };
  const { status, log } = stop(wanted);
  t.is(status, 1);
  t.regex(log, /not an archive of layerhook/);
  t.regex(log, /another archive of this container has the same path/);
  t.deepEqual(readdirSync(theirs), ['precious']);
  t.is(readFileSync(file, 'utf8'), 'x');
  t.deepEqual(readdirSync(join(out, 'empty')).sort(), ['a', 'new']);
  t.deepEqual(readdirSync(out).sort(), ['empty', 'file', 'theirs']);
  // an archive that was moved away, and a foreign directory in its place
  sh(out, 'mv empty moved; mkdir empty; echo x > empty/x');
  t.is(again('retry').status, 1);
  t.is(stop({ empty: archive(join(out, 'empty')) }).status, 1);
  t.deepEqual(readdirSync(join(out, 'empty')), ['x']);
});

test('no symlink leads out of the upperdir, or to another destination', (t) => {
  if (!requires(t, 'root', 'tar')) return;
  const { stop, out, merged } = changed(t);
  const secret = join(tmpdir(t), 'secret');
  mkdirSync(secret);
  writeFileSync(join(secret, 'key'), 'the secret');
  sh(merged, `ln -s ${secret} dir; ln -s ${secret}/key file; ln -s / root`);
  symlinkSync(join(secret, 'key'), join(out, 'tar'));
  symlinkSync(secret, join(out, 'copy'));
  const wanted = {
    ...{ copy: archive(join(out, 'copy')), tar: archive(join(out, 'tar'), { method: 'tar' }) },
    other: archive(join(out, 'other')),
  };
  t.is(stop(wanted).status, 1);
  t.deepEqual(readdirSync(secret), ['key']);
  t.is(readFileSync(join(secret, 'key'), 'utf8'), 'the secret');
  t.is(readlinkSync(join(out, 'copy')), secret);
  t.is(readlinkSync(join(out, 'other/dir')), secret);
  t.true(lstatSync(join(out, 'tar')).isFile());
  t.false(readFileSync(join(out, 'tar')).includes('the secret'));
  const inside = stop({ data: archive(join(merged, '../upper/inside')) });
  t.is(inside.status, 1);
  t.regex(inside.log, /it is inside the upperdir/);
});

test('a full disk: nothing half done is left, an older archive stays', (t) => {
  if (!requires(t, 'root', 'mkfs.ext4')) return;
  const { stop, again, merged, records } = changed(t);
  const disk = smallDisk(t);
  const [copy, tar] = [join(disk, 'copy'), join(disk, 'tar')];
  const wanted = { copy: archive(copy), tar: archive(tar, { method: 'tar', success: join(disk, 'ok') }) };
  t.is(stop(wanted).status, 0);
  const before = readFileSync(tar);
  sh(merged, 'head -c 12000000 /dev/urandom > big');
  const { status, log } = stop(wanted);
  t.is(status, 1);
  t.is(log.match(/no space left/g)?.length, 2, log);
  t.deepEqual(readdirSync(disk).sort(), ['copy', 'lost+found', 'tar']);
  t.deepEqual(readdirSync(copy).sort(), ['a', 'new']);
  t.deepEqual(readFileSync(tar), before);
  sh(merged, 'rm big');
  t.is(again('retry').status, 0);
  t.deepEqual(
    new Set(records().flatMap(({ archives }) => Object.values(archives).map((row) => row.status))),
    new Set(['done']),
  );
  t.true(existsSync(join(disk, 'ok')));
});

for (const [title, state, reason] of [
  ['nothing', '', /state of the container is empty/],
  ['no JSON', '{"id": ', /is not JSON/],
  ['a list', '[]', /not a JSON object/],
  ['no id', '{"bundle": "/b"}', /has no id/],
  ['no bundle', '{"id": "x"}', /container x names no bundle/],
  ['a relative bundle', '{"id": "x", "bundle": "b"}', /is relative/],
  [
    'the bundle /',
    '{"id": "x", "bundle": "/"}',
    /leads to \/config\.json, which cannot be read: it does not exist/,
  ],
] as const) {
  test(`a state with ${title} ends with one clear line`, (t) => {
    const { status, log } = runHook(['--state-dir', tmpdir(t), '--log-level=error'], state);
    t.is(status, 1);
    t.regex(log, reason);
    t.regex(log, errorLine('ARCHIVE_CONTAINER'));
    t.is(log.trim().split('\n').length, 1);
  });
}

test('--version, --help, --log-level and wrong options', (t) => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  t.deepEqual(runHook(['--version'], ''), { status: 0, log: `archive_overlay version ${version}\n` });
  t.regex(runHook(['--help'], '').log, /--mount-program/);
  t.regex(
    runHook(['--log-level', 'loud'], '').log,
    /choose from: trace, debug, info, warn, warning, error, fatal, panic/,
  );
  t.is(runHook(['--colour'], '').status, 1);
  const launched = spawnSync(join(script, '../../../hooks/archive_overlay'), ['-v'], { encoding: 'utf8' });
  t.is(launched.stdout, `archive_overlay version ${version}\n`);
});

rootTest('results that cannot be recorded are a warning', (t) => {
  const { stop, out } = changed(t);
  const { status, log } = stop({ data: archive(join(out, 'copy')) }, '--state-dir', '/proc/nowhere');
  t.is(status, 0, log);
  t.regex(log, /level=warning msg="Cannot record results in \/proc\/nowhere/);
  t.true(existsSync(join(out, 'copy/new')));
});

test('a copy replaces the older one also when its filesystem got another device number', (t) => {
  if (!requires(t, 'root', 'mkfs.ext4')) return;
  const { stop, merged } = changed(t);
  const disk = smallDisk(t);
  const wanted = { data: archive(join(disk, 'copy')) };
  t.is(stop(wanted).status, 0);
  const { dev } = statSync(disk);
  const device = execFileSync('findmnt', ['-no', 'SOURCE', disk], { encoding: 'utf8' }).trim();
  execFileSync('umount', [disk]);
  // from now on another file has this loop device
  execFileSync('losetup', [device, script], { stdio: 'ignore' });
  t.teardown(() => execFileSync('losetup', ['-d', device]));
  execFileSync('mount', ['-o', 'loop', join(disk, '../image'), disk]);
  t.not(statSync(disk).dev, dev);
  sh(merged, 'touch newer');
  const { status, log } = stop(wanted);
  t.is(status, 0, log);
  t.deepEqual(readdirSync(join(disk, 'copy')).sort(), ['a', 'new', 'newer']);
});

/** An ext4 of 8 MB, in the file `image` beside its mount point. */
function smallDisk(t: ExecutionContext<unknown>): string {
  const dir = tmpdir(t);
  const [image, disk] = [join(dir, 'image'), join(dir, 'disk')];
  mkdirSync(disk);
  execFileSync('truncate', ['-s', '8M', image]);
  execFileSync('mkfs.ext4', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  t.teardown(() => void spawnSync('umount', ['-l', disk]));
  return disk;
}

rootTest('a full disk is named, and retry makes the archives after space is freed', async (t) => {
  const { stop, again, out, merged } = changed(t);
  sh(merged, 'head -c 300000 /dev/urandom > large');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', out]);
  t.teardown(() => execFileSync('umount', ['-l', out]));
  const { layout } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  cpSync(layout, join(out, 'layout'), { recursive: true });
  for (const [method, to] of [
    ['copy', join(out, 'copy')],
    ['tar', join(out, 'below', 'tar')],
    ['tar.zst', join(out, 'zst')],
    ['oci', `${out}/layout:latest`],
  ] as const) {
    sh(out, 'cat /dev/zero > filler 2>/dev/null || :');
    const before = readdirSync(out, { recursive: true }).filter((name) => name !== 'below');
    const failed = stop({ [method.replace('.', '-')]: archive(to, { method, success: join(out, 'ok') }) });
    t.is(failed.status, 1, failed.log);
    t.true(
      lineOf(failed.log, 'failed: no space').includes(`, on the file system ${out} (tmpfs, `),
      failed.log,
    );
    t.regex(failed.log, /retry creates 1 missing archive"/);
    t.deepEqual(
      readdirSync(out, { recursive: true }).filter((name) => name !== 'below'),
      before,
    );
    rmSync(join(out, 'filler'));
    const retried = again('retry');
    t.is(retried.status, 0, retried.log);
    t.true(existsSync(join(out, 'ok')));
    for (const made of ['copy', 'below', 'zst', 'ok'])
      rmSync(join(out, made), { recursive: true, force: true });
  }
});
