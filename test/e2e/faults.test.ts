/** System calls that fail in any thread: the command ends with the error, and leaves what was there before. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Finished, layerhook, mainFile, refused, run, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

/** A layout, and where bundles of it are made. */
interface Place {
  dir: string;
  reference: string;
  layout: string;
  bundles: string;
  bundle: string;
  store: string;
}

/** Layers too large for the caller's own thread to apply. */
function place(t: ExecutionContext): Place {
  const layers = [0, 1, 2].map((layer) => [
    { name: `d${layer}/`, type: '5' },
    { name: `d${layer}/small`, content: 'small' },
    { name: `d${layer}/large`, content: randomBytes(300_000) },
  ]);
  const { layout } = buildImage(t, layers);
  const dir = tmpdir(t);
  const bundles = join(dir, 'bundles');
  mkdirSync(bundles);
  const bundle = join(bundles, 'b');
  return { dir, layout, reference: `${layout}:latest`, bundles, bundle, store: join(dir, 'store') };
}

const alarm = ['perl', '-e', 'alarm 60; exec @ARGV'];
const toFile = ['sh', '-c', 'exec "$@" 2>"$0"'];

/**
 * Runs layerhook where a system call fails. A hang ends by SIGALRM, which no test expects.
 *
 * @param stderr a file for the command's stderr; only calls on it fail
 */
async function withFault(dir: string, inject: string, args: string[], stderr?: string): Promise<Finished> {
  const log = join(dir, 'strace');
  const [calls] = inject.split(':');
  const words = ['-f', '--seccomp-bpf', '-qq', '-o', log, '-e', `trace=${calls}`, '-e', `inject=${inject}`];
  const only = stderr === undefined ? [] : ['-P', stderr];
  const start = [...alarm, ...(stderr === undefined ? [] : [...toFile, stderr])];
  const env = { XDG_CONFIG_HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' };
  const finished = await run('strace', [...words, ...only, ...start, process.execPath, mainFile, ...args], {
    env,
  });
  if (stderr === undefined && !readFileSync(log, 'utf8').includes('INJECTED'))
    throw new Error(`${inject} met no call`);
  return finished;
}

async function refusedInOneLine(t: ExecutionContext, finished: Finished): Promise<void> {
  await refused(t, Promise.resolve(finished), /^layerhook: [^\n]+\n$/);
}

const unpackFaults: [driver: string, inject: string][] = [
  ['copy', 'fsync:error=EIO:when=1+'],
  ['copy', 'fsync:error=EMFILE:when=1+'],
  ['copy', 'mkdirat:error=ENOSPC:when=1+'],
  ['copy', 'pwrite64:error=EIO:when=1'],
  ['copy', 'rename:error=EIO:when=1+'],
  ['overlay', 'fsync:error=EIO:when=1+'],
  ['overlay', 'fdatasync:error=EIO:when=1+'],
  ['overlay', 'fdatasync:error=ESTALE:when=1+'],
  ['overlay', 'fdatasync:error=EINTR:when=1'],
  ['overlay', 'mkdirat:error=ENOSPC:when=1+'],
  ['overlay', 'fsmount:error=ENOMEM:when=1+'],
  ['erofs', 'umount2:error=EIO:when=1'],
];

for (const [driver, inject] of unpackFaults) {
  test.serial(`unpack, ${driver}, ${inject}`, async (t) => {
    if (!requires(t, 'root', 'strace', 'perl')) return;
    const { dir, reference, bundles, bundle, store } = place(t);
    const unpack = ['unpack', '--driver', driver, '--store', store, '--image', reference, bundle];
    const failed = await withFault(dir, inject, unpack);
    await refusedInOneLine(t, failed);
    const [, error = ''] = /:error=(\w+)/.exec(inject)!;
    t.regex(failed.stderr, new RegExp(error === 'ENOSPC' ? 'no space left' : error));
    t.deepEqual(readdirSync(bundles), []);
    t.teardown(() => remove(bundle, store));
    await succeed(t, layerhook(unpack));
  });
}

for (const [error, words] of [
  ['EIO', 'i/o error'],
  ['EROFS', 'read-only file system'],
  ['ENOSPC', 'no space left'],
] as const) {
  test.serial(`the last rename of an unpack fails with ${error}: the reason is given`, async (t) => {
    if (!requires(t, 'root', 'strace', 'perl')) return;
    const { dir, reference, bundles, bundle } = place(t);
    const unpack = ['unpack', '--image', reference, bundle];
    const calls = join(dir, 'calls');
    await succeed(
      t,
      run('strace', ['-f', '-qq', '-e', 'trace=rename', '-o', calls, process.execPath, mainFile, ...unpack]),
    );
    const renames = readFileSync(calls, 'utf8').split('\n');
    const [thread] = renames.find((line) => line.includes(`"${bundle}")`))!.split(' ');
    const last = renames.filter((line) => line.startsWith(`${thread} `) && line.includes('rename(')).length;
    remove(bundle, join(dir, 'store'));
    const failed = await withFault(dir, `rename:error=${error}:when=${last}`, unpack);
    await refused(t, Promise.resolve(failed), new RegExp(`^layerhook: [^\n]*${words}[^\n]*\n$`));
    t.deepEqual(readdirSync(bundles), []);
  });
}

/** `moved`: the fault comes after the tag is moved, which names a whole image. */
const repackFaults: [driver: string, refresh: boolean, inject: string, tag: 'unmoved' | 'moved'][] = [
  ['copy', false, 'fsync:error=EIO:when=1+', 'unmoved'],
  ['copy', true, 'fsync:error=EIO:when=1+', 'unmoved'],
  ['overlay', true, 'fsync:error=ENOSPC:when=1+', 'unmoved'],
  ['overlay', true, 'fdatasync:error=EIO:when=1+', 'moved'],
  ['overlay', true, 'mkdirat:error=EIO:when=1+', 'unmoved'],
  ['copy', true, 'unlink:error=EIO:when=2+', 'moved'],
];

for (const [driver, refresh, inject, tag] of repackFaults) {
  test.serial(`repack${refresh ? ' --refresh-bundle' : ''}, ${driver}, ${inject}`, async (t) => {
    if (!requires(t, 'root', 'strace', 'perl')) return;
    const { dir, layout, reference, bundles, bundle, store } = place(t);
    t.teardown(() => remove(bundle, store));
    await succeed(
      t,
      layerhook(['unpack', '--driver', driver, '--store', store, '--image', reference, bundle]),
    );
    const change = 'mkdir "$0"/rootfs/new && head -c 300000 /dev/urandom > "$0"/rootfs/new/file';
    execFileSync('sh', ['-c', change, bundle]);
    const repack = ['repack', ...(refresh ? ['--refresh-bundle'] : []), '--image', `${layout}:new`, bundle];
    const failed = await withFault(dir, inject, repack);
    if (tag === 'unmoved') await refusedInOneLine(t, failed);
    else
      await refused(
        t,
        Promise.resolve(failed),
        /^layerhook: warning: new names the new image already[^\n]+\nlayerhook: [^\n]+\n$/,
      );
    t.deepEqual(readdirSync(bundles), ['b']);
    t.deepEqual(readdirSync(layout).sort(), ['blobs', 'index.json', 'oci-layout']);
    const tags = (await succeed(t, layerhook(['ls', '--layout', layout]))).trim().split('\n').sort();
    t.deepEqual(tags, tag === 'moved' ? ['latest', 'new'] : ['latest']);
    // the bundle is whole, and its change is still there for the next repack
    await succeed(t, layerhook(repack));
    const other = join(dir, 'other');
    await succeed(t, layerhook(['unpack', '--image', `${layout}:new`, other]));
    t.true(existsSync(join(other, 'rootfs/new/file')));
  });
}

test.serial(
  'a refresh flushes the record of the new snapshot before umoci.json names the new image',
  async (t) => {
    if (!requires(t, 'root', 'strace')) return;
    const { dir, layout, reference, bundle, store } = place(t);
    t.teardown(() => remove(bundle, store));
    await succeed(
      t,
      layerhook(['unpack', '--driver', 'overlay', '--store', store, '--image', reference, bundle]),
    );
    writeFileSync(join(bundle, 'rootfs/new'), 'new');
    const log = join(dir, 'strace');
    const words = ['-f', '-y', '-qq', '-s', '4096', '-o', log, '-e', 'trace=pwrite64,fdatasync,fsync,rename'];
    const repack = ['repack', '--refresh-bundle', '--image', `${layout}:new`, bundle];
    await succeed(t, run('strace', [...words, process.execPath, mainFile, ...repack]));
    const calls = readFileSync(log, 'utf8').split('\n');
    const named = calls.findIndex((call) => call.includes('/b/umoci.json"'));
    t.true(named > 0);
    const last = calls.slice(0, named).findLast((call) => call.includes('/metadata/store.mdb>'));
    t.regex(last ?? '', / fdatasync\(/);
    const rest = calls
      .slice(named)
      .filter((call) => call.includes('/b>') || call.includes('/store/snapshots/'));
    t.regex(rest[0] ?? '', / fsync\([^)]*\/b>\)/);
  },
);

test.serial('a file system that cannot be flushed: the reason is given', async (t) => {
  if (!requires(t, 'root', 'strace', 'perl')) return;
  const { dir, reference, bundles, bundle } = place(t);
  const sync = ['raw', 'unpack', '--image', reference, bundle];
  const noSpace = await withFault(dir, 'syncfs:error=EDQUOT:when=1+', sync);
  await refused(t, Promise.resolve(noSpace), /^layerhook: [^\n]*no space left[^\n]*\n$/);
  const noMemory = await withFault(dir, 'syncfs:error=ENOMEM:when=1+', sync);
  await refused(t, Promise.resolve(noMemory), /^layerhook: [^\n]*\(ENOMEM\)[^\n]*\n$/);
  t.deepEqual(readdirSync(bundles), []);
  await succeed(t, layerhook(sync));
});

test.serial('a stderr that cannot be flushed keeps no command from its end', async (t) => {
  if (!requires(t, 'root', 'strace', 'perl')) return;
  const { dir, reference, bundle } = place(t);
  const stderr = join(dir, 'stderr');
  writeFileSync(stderr, '');
  const unpack = ['unpack', '--image', reference, bundle];
  t.is(await succeed(t, withFault(dir, 'fsync:error=EIO:when=1+', unpack, stderr)), '');
  t.is(readFileSync(stderr, 'utf8'), '');
  t.true(existsSync(join(bundle, 'rootfs/d0/large')));
});

test.serial('a background process that cannot start fails no unpack', async (t) => {
  if (!requires(t, 'root', 'strace', 'perl')) return;
  const { dir, reference, bundle, store } = place(t);
  t.teardown(() => remove(bundle, store));
  const unpack = ['unpack', '--driver', 'overlay', '--store', store, '--image', reference, bundle];
  t.is(await succeed(t, withFault(dir, 'clone,fork,vfork:error=EAGAIN:when=1+', unpack)), '');
  t.true(existsSync(join(bundle, 'rootfs/d0/large')));
});

function remove(bundle: string, store: string): void {
  if (existsSync(bundle))
    execFileSync(process.execPath, [mainFile, 'bundle', 'rm', '--store', store, bundle]);
}

/** As network file systems and failing disks answer: the file system is named, not a fault of the bundle. */
for (const [call, error, at, message] of [
  [
    'statx',
    'ESTALE',
    'umoci.json',
    /cannot read \S+\/umoci\.json: stale file handle \(ESTALE\); the file system must be/,
  ],
  [
    'statx',
    'EIO',
    'layerhook.json',
    /cannot read \S+\/layerhook\.json: i\/o error \(EIO\); the disk or its file system/,
  ],
  ['getdents64', 'ESTALE', 'rootfs/d1', /cannot read \S+\/rootfs\/d1: stale file handle \(ESTALE\)/],
] as const) {
  test.serial(`repack, ${error} at ${call} of ${at}`, async (t) => {
    if (!requires(t, 'root', 'strace', 'perl')) return;
    const { dir, reference, bundle, layout } = place(t);
    await succeed(t, layerhook(['unpack', '--image', reference, bundle]));
    writeFileSync(join(bundle, 'rootfs/d1/new'), 'new');
    const before = readFileSync(join(layout, 'index.json'), 'utf8');
    const words = ['-f', '-qq', '-o', join(dir, 'strace'), '-P', join(bundle, at), '-e', `trace=${call}`];
    const inject = ['-e', `inject=${call}:error=${error}`, ...alarm, process.execPath, mainFile];
    const finished = await run('strace', [...words, ...inject, 'repack', '--image', `${layout}:new`, bundle]);
    await refusedInOneLine(t, finished);
    t.regex(finished.stderr, message);
    t.is(readFileSync(join(layout, 'index.json'), 'utf8'), before);
  });
}
