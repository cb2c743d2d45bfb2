/**
 * FIFOs, devices and descriptors as files that a user names. No command waits for a FIFO in the place of a document; pipes of a
 * shell and FIFOs of tars work and can be interrupted; outputs go into such a file and never take its name.
 */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { layerhook, mainFile, refused, run, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

const point = 'unpack.ociv1.layer.try-skip';

interface Place {
  dir: string;
  layout: string;
  /** LAYOUT:TAG */
  image: string;
  fifo: string;
  /** path of a new file in `dir` */
  at(name: string): string;
}

function placeOf(t: ExecutionContext<unknown>): Place {
  const { layout, reference: image } = buildImage(t, [[{ name: 'a' }]]);
  const dir = tmpdir(t);
  const at = (name: string) => join(dir, name);
  execFileSync('mkfifo', [at('fifo')]);
  mkdirSync(at('tree'));
  writeFileSync(at('a.tar'), tar([{ name: 'x' }]));
  return { dir, layout, image, fifo: at('fifo'), at };
}

/** Runs a line of bash, in which `layerhook` is the command. */
function shell(line: string, cwd: string) {
  const env = { XDG_CONFIG_HOME: '/nonexistent', NODE: process.execPath, MAIN: mainFile };
  return run('bash', ['-c', `layerhook() { "$NODE" "$MAIN" "$@"; }; ${line}`], { cwd, env });
}

/** Arguments of commands that read a document, or a layout, at a path. */
const documents: Record<string, (place: Place) => string[]> = {
  'raw mtree-validate': ({ fifo, at }) => ['--path', at('tree'), '--manifest', fifo],
  'hooks run': ({ fifo }) => ['--context', fifo, point],
  'hooks check': ({ fifo }) => [fifo],
  unpack: ({ fifo, image, at }) => ['--hooks', fifo, '--image', image, at('bundle')],
  'ctk config': ({ fifo }) => ['--config-file', fifo, '--set', 'a=b'],
  cat: ({ fifo }) => [fifo, 'a'],
  copy: ({ fifo, at }) => [fifo, at('copy')],
  diff: ({ fifo, image }) => [image, fifo],
  'index add': ({ fifo, layout }) => ['--image', `${layout}:i`, fifo],
  inspect: ({ fifo }) => [fifo],
  rebase: ({ fifo, image }) => ['--image', image, '--old', fifo, '--new', image],
  validate: ({ fifo }) => [fifo],
};

for (const [name, args] of Object.entries(documents))
  test(`${name} refuses a FIFO`, async (t) => {
    const place = placeOf(t);
    await refused(
      t,
      layerhook([...name.split(' '), ...args(place)]),
      /fifo.*(FIFO|not a regular|not a directory)/,
    );
  });

test('a manifest may come from a pipe of the shell', async (t) => {
  const { at } = placeOf(t);
  const manifest = '#mtree\n. type=dir\n..\n';
  writeFileSync(at('manifest'), manifest);
  const command = 'layerhook raw mtree-validate --path tree --manifest';
  for (const line of [
    `${command} <(cat manifest)`,
    `cat manifest | ${command} /dev/stdin`,
    `${command} /dev/stdin < manifest`,
    `sleep 0.2 | cat - manifest | ${command} /proc/self/fd/0`,
  ])
    await succeed(t, shell(line, at('.')));
  t.regex(
    (await shell(`${command} <(cat manifest manifest) --max-manifest 30`, at('.'))).stderr,
    /over the limit of 30 bytes/,
  );
  t.regex(
    (await shell(`${command} <(yes) --max-manifest 1MiB`, at('.'))).stderr,
    /over the limit of 1048576 bytes/,
  );
});

test('a context may come from a pipe of the shell, and the command can be interrupted meanwhile', async (t) => {
  const { dir, image } = placeOf(t);
  const command = `layerhook hooks run --image ${image} --context`;
  await succeed(t, shell(`${command} <(echo '{}') ${point}`, dir));
  await succeed(t, shell(`echo '{}' | ${command} /dev/stdin ${point}`, dir));
  const { status } = await shell(
    `(${command} <(exec sleep 20 2>&-) ${point}) & sleep 2; kill -TERM $(pgrep -P $! node); wait $!`,
    dir,
  );
  t.is(status, 143);
});

for (const name of ['import', 'raw add-layer'])
  test(`${name} reads a tar from a FIFO whose writer comes late, and can be interrupted`, async (t) => {
    const { image, fifo, at } = placeOf(t);
    const target = name === 'import' ? image.replace(/:[^:]*$/, ':imported') : image;
    const args = [...name.split(' '), '--image', target, fifo];
    const interrupted = await layerhook(args, { started: (pid) => interrupt(pid) });
    t.is(interrupted.status, 130);
    t.regex(interrupted.stderr, /was interrupted/);
    const writeLate = async () => {
      await sleep(500);
      await run('dd', [`if=${at('a.tar')}`, `of=${fifo}`, 'status=none']);
    };
    await succeed(t, layerhook(args, { started: writeLate }));
    await succeed(
      t,
      shell(`layerhook ${name} --image ${target}${name === 'import' ? 2 : ''} <(cat a.tar)`, at('.')),
    );
  });

async function interrupt(pid: number): Promise<void> {
  // until the command waits
  await sleep(2000);
  process.kill(pid, 'SIGINT');
}

/** Arguments of commands that write to a path. */
const outputs: Record<string, (place: Place, file: string) => string[]> = {
  'raw runtime-config': ({ image }, file) => ['raw', 'runtime-config', '--image', image, file],
  'inspect --html': ({ image }, file) => ['inspect', '--html', file, image],
  export: ({ image }, file) => ['export', '--image', image, '--output', file],
  'insert --trace': ({ image, at }, file) => ['insert', '--trace', file, '--image', image, at('a.tar'), '/x'],
};

for (const [name, args] of Object.entries(outputs)) {
  test(`${name} writes into a FIFO`, async (t) => {
    const place = placeOf(t);
    const reader = run('cat', [place.fifo]);
    await succeed(t, layerhook(args(place, place.fifo)));
    t.true((await succeed(t, reader)).length > 20);
    t.true(lstatSync(place.fifo).isFIFO());
  });

  test(`${name} can be interrupted while a FIFO has no reader`, async (t) => {
    const place = placeOf(t);
    const { status, signal } = await layerhook(args(place, place.fifo), { started: (pid) => interrupt(pid) });
    // inspect has nothing to undo: the signal kills it
    t.true(status === 130 || signal === 'SIGINT', `${status} ${signal}`);
    t.true(lstatSync(place.fifo).isFIFO());
  });

  test(`${name} writes to a descriptor of the shell, and replaces neither its name nor its file`, async (t) => {
    const place = placeOf(t);
    const { dir, at } = place;
    symlinkSync('/proc/self/fd', at('fd'));
    symlinkSync('fd/1', at('stdout'));
    const words = args(place, at('stdout')).join(' ');
    await succeed(t, shell(`{ echo begin; layerhook ${words}; echo end; } > out`, dir));
    t.is(readlinkSync(at('stdout')), 'fd/1');
    t.regex(readFileSync(at('out'), 'latin1'), /^begin\n[\s\S]{20,}end\n$/);
    const piped = await succeed(t, shell(`layerhook ${args(place, at('fd/1')).join(' ')} | cat`, dir));
    t.true(piped.length > 20);
  });

  rootTest(`${name} writes to a device, which stays`, async (t) => {
    const place = placeOf(t);
    const device = place.at('null');
    execFileSync('mknod', [device, 'c', '1', '3']);
    await succeed(t, layerhook(args(place, device)));
    t.true(lstatSync(device).isCharacterDevice());
    execFileSync('mknod', [place.at('full'), 'c', '1', '7']);
    const full = await layerhook(args(place, place.at('full')));
    t.is(full.status, 8, full.stderr);
    t.true(lstatSync(place.at('full')).isCharacterDevice());
  });
}

rootTest('unpack and repack write a digest into a FIFO, a device or a descriptor', async (t) => {
  const place = placeOf(t);
  const { image, fifo, at, dir } = place;
  const reader = run('cat', [fifo]);
  await succeed(t, layerhook(['unpack', '--image', image, '--digestfile', fifo, at('bundle')]));
  t.regex(await succeed(t, reader), /^sha256:[0-9a-f]{64}$/);
  symlinkSync('/proc/self/fd/1', at('stdout'));
  writeFileSync(at('bundle/rootfs/new'), '');
  const line = `layerhook repack --image ${image} --digestfile stdout bundle > out`;
  await succeed(t, shell(line, dir));
  t.regex(readFileSync(at('out'), 'utf8'), /^sha256:[0-9a-f]{64}$/);
  t.true(lstatSync(at('stdout')).isSymbolicLink());
});

test('export removes what a killed export has left', async (t) => {
  const { reference } = buildImage(t, [[{ name: 'large', content: Buffer.alloc(200 << 20) }]]);
  const dir = tmpdir(t);
  const args = ['export', '--compress', 'gzip', '--image', reference, '--output', join(dir, 'out.tar')];
  const kill = async (pid: number) => {
    while (readdirSync(dir).length === 0) await sleep(5);
    process.kill(pid, 'SIGKILL');
  };
  await layerhook(args, { started: kill });
  t.is(readdirSync(dir).length, 1);
  t.notDeepEqual(readdirSync(dir), ['out.tar']);
  await succeed(t, layerhook(args));
  t.deepEqual(readdirSync(dir), ['out.tar']);
});
