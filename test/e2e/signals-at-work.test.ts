/**
 * SIGINT and SIGTERM while a command makes blocking calls: it ends, and publishes nothing. Files of 60 GiB without data keep
 * it at work for longer than a signal takes, and cost nothing.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { upperdirChanges } from '../../src/overlay/changes/upperdir-changes.js';
import { flock } from '../../src/system/lock.js';
import { signalOnOpen } from '../helpers/at-work.js';
import { layerhook, run, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { annotationsOf, script, stopped } from '../hooks/archive/setup.js';

const GiB = 2 ** 30;
const statuses = { SIGINT: 130, SIGTERM: 143 } as const;
const signals = ['SIGINT', 'SIGTERM'] as const;

/** A bundle, and the files that repack must leave unchanged. */
async function unpacked(t: ExecutionContext<unknown>, ...options: string[]) {
  const image = buildImage(t, [[{ name: 'big', content: 'x', mtime: 1 }]]);
  const bundle = join(tmpdir(t), 'b');
  await succeed(t, layerhook(['unpack', ...options, '--image', image.reference, bundle]));
  const state = () => [
    readFileSync(join(image.layout, 'index.json'), 'utf8'),
    readdirSync(image.layout).sort(),
    readdirSync(join(image.layout, 'blobs/sha256')).sort(),
    readdirSync(bundle).sort(),
    readFileSync(join(bundle, 'umoci.json'), 'utf8'),
  ];
  const repack = (...more: string[]) => [
    ...['repack', '--refresh-bundle', ...more],
    ...['--image', `${image.layout}:new`, bundle],
  ];
  return { image: image.reference, bundle, big: join(bundle, 'rootfs/big'), state, repack };
}

/** Makes a file so long that it takes a minute to read, and has the manifest say so. */
function enlarge(bundle: string, big: string): void {
  truncateSync(big, 60 * GiB);
  utimesSync(big, 1, 1);
  const mtree = join(bundle, readdirSync(bundle).find((name) => name.endsWith('.mtree'))!);
  const text = readFileSync(mtree, 'utf8');
  writeFileSync(mtree, text.replace(/size=1\b/, `size=${60 * GiB}`));
}

for (const signal of signals) {
  // serial: a test that blocks this process would send its signal too late
  test.serial(
    `${signal} ends repack while it compares content with the manifest, and nothing is tagged`,
    async (t) => {
      const { bundle, big, state, repack } = await unpacked(t);
      enlarge(bundle, big);
      rmSync(join(bundle, 'layerhook.index'));
      const before = state();
      const started = (pid: number) => signalOnOpen(pid, 'big', signal);
      const { status, stderr } = await layerhook(repack(), { started });
      t.is(status, statuses[signal], stderr);
      t.regex(stderr, /^layerhook: repack was interrupted; [^\n]+\n$/);
      t.deepEqual(state(), before);
    },
  );

  for (const compress of ['gzip', 'none']) {
    test.serial(`${signal} ends repack while it packs a large file, compression ${compress}`, async (t) => {
      const { big, state, repack } = await unpacked(t);
      truncateSync(big, 60 * GiB);
      const before = state();
      const started = (pid: number) => signalOnOpen(pid, 'big', signal);
      const { status, stderr } = await layerhook(repack('--compress', compress), { started });
      t.is(status, statuses[signal], stderr);
      t.deepEqual(state(), before);
    });
  }

  test.serial(`${signal} ends insert while it packs a large file`, async (t) => {
    const { image, state } = await unpacked(t);
    const large = join(tmpdir(t), 'big');
    writeFileSync(large, '');
    truncateSync(large, 60 * GiB);
    const before = state();
    const started = (pid: number) => signalOnOpen(pid, 'big', signal);
    const { status, stderr } = await layerhook(['insert', '--image', image, large, '/big'], { started });
    t.is(status, statuses[signal], stderr);
    t.deepEqual(state(), before);
  });

  test.serial(`${signal} ends archive_overlay while it copies, without an archive`, async (t) => {
    if (!requires(t, 'root', 'strace')) return;
    const box = stopped(t, (at) => writeFileSync(at('a'), ''));
    execFileSync('sh', ['-c', 'head -c 64000000 /dev/zero > "$0"', join(box.merged, 'big')]);
    const archive = { 'mount-point': '/data', 'archive-to': join(box.out, 'copy') };
    const success = join(box.out, 'ok');
    const annotations = annotationsOf({ a: { ...archive, success } });
    const mounts = [{ destination: '/data', type: 'overlay', source: box.merged, options: [] }];
    const config = { ociVersion: '1.0.2', annotations, mounts };
    writeFileSync(join(box.bundle, 'config.json'), JSON.stringify(config));
    writeFileSync(join(box.bundle, 'state.json'), box.state);
    // 61 writes of 0.5 s each; -D: the signal goes to the hook, not to strace
    const slow = 'strace -D -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:delay_enter=500000';
    const hook = ['-c', `exec ${slow} "$0" "$1" --state-dir "$2" < "$3"`, process.execPath, script];
    const started = (pid: number) => signalOnOpen(pid, 'big', signal);
    const args = [...hook, join(tmpdir(t), 'state'), join(box.bundle, 'state.json')];
    const { status, stdout, stderr } = await run('sh', args, { started });
    t.is(status, 1, `${stdout}${stderr}`);
    t.deepEqual(readdirSync(box.out), []);
  });
}

for (const signal of signals)
  test.serial(`${signal} ends archive_overlay while another one has the container's lock`, async (t) => {
    if (!requires(t, 'root')) return;
    const box = stopped(t, (at) => writeFileSync(at('a'), ''));
    t.is(box.stop({ a: { 'mount-point': '/data', 'archive-to': join(box.out, 'copy') } }).status, 0);
    const containers = join(box.out, '../state/containers');
    const name = readdirSync(containers).find((file) => file.endsWith('.lock'))!;
    const lock = openSync(join(containers, name), 'r');
    t.true(flock(lock, 'exclusive'));
    writeFileSync(join(box.bundle, 'state.json'), box.state);
    const hook = ['-c', 'exec "$0" "$1" --state-dir "$2" < "$3"', process.execPath, script];
    const args = [...hook, join(containers, '..'), join(box.bundle, 'state.json')];
    const started = (pid: number) => signalOnOpen(pid, name, signal);
    const { status, stderr } = await run('sh', args, { started });
    closeSync(lock);
    t.is(status, 1, stderr);
    t.regex(stderr, /level=error msg="waiting for [^"]*\.lock was interrupted/);
  });

rootTest('the content of an upperdir is compared in steps', async (t) => {
  const [upperdir, lowerdir] = [tmpdir(t), tmpdir(t)];
  for (const dir of [upperdir, lowerdir]) {
    writeFileSync(join(dir, 'big'), '');
    truncateSync(join(dir, 'big'), 60 * GiB);
    for (const path of [join(dir, 'big'), dir]) utimesSync(path, 1, 1);
  }
  const stop = new AbortController();
  const comparing = upperdirChanges({ upperdir, lowerdirs: [lowerdir], signal: stop.signal });
  await setTimeout(100);
  stop.abort();
  await t.throwsAsync(comparing, { code: 'ABORTED' });
});
