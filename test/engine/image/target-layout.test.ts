import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLayout } from '../../../src/image/layout.js';
import { newImage } from '../../../src/image/new.js';
import { runFile } from '../../cli/run.js';
import { mainFile } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { tar } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';

const names = (directory: string) => readdirSync(directory, { recursive: true }).map(String).sort();

/** Places for a new layout: what is there before, and the name of the layout. */
const places: Record<string, (directory: string) => string> = {
  'a missing directory': (directory) => join(directory, 'new'),
  'missing parents': (directory) => join(directory, 'some/where/new'),
  'a parent that is a symlink': (directory) => {
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    return join(directory, 'link/new');
  },
  'an empty directory': (directory) => made(join(directory, 'empty')),
  'what a killed call left': (directory) => made(join(directory, 'begun/blobs/sha256'), '../..'),
  'an archive': (directory) => `oci-archive:${join(directory, 'new.tar')}`,
};

function made(path: string, from = '.'): string {
  mkdirSync(path, { recursive: true });
  return join(path, from);
}

/** An image whose layer has other bytes than its digest says. */
function damaged(t: ExecutionContext<unknown>): string {
  const { reference, layout, manifest } = buildImage(t, [[{ name: 'a' }]]);
  const [layer] = manifest.layers;
  appendFileSync(join(layout, 'blobs', layer!.digest.replace(':', '/')), 'x');
  return reference;
}

/** A root filesystem with a name that only a layer may have: it is found when the layer is complete. */
function wrongTar(t: ExecutionContext<unknown>): string {
  const file = join(tmpdir(t), 'wrong.tar');
  writeFileSync(file, tar([{ name: '.wh.gone', content: '' }]));
  return file;
}

const failures: Record<string, (t: ExecutionContext<unknown>, target: string) => string[]> = {
  'copy of a damaged image': (t, target) => ['copy', damaged(t), `${target}:new`],
  'copy of all tags': (t, target) => ['copy', '--all-tags', dirname(`${damaged(t).split(':')[0]}/x`), target],
  'copy of a missing tag': (t, target) => ['copy', `${buildImage(t, []).layout}:none`, `${target}:new`],
  'index add of a damaged image': (t, target) => ['index', 'add', '--image', `${target}:multi`, damaged(t)],
  'import of a wrong tar': (t, target) => ['import', '--image', `${target}:new`, wrongTar(t)],
  'import of a missing tar': (_, target) => ['import', '--image', `${target}:new`, '/no/such.tar'],
  'insert into a missing layout': (t, target) => ['insert', '--image', `${target}:new`, tmpdir(t), '/x'],
  'raw add-layer to a missing layout': (t, target) => [
    ...['raw', 'add-layer', '--image', `${target}:new`, wrongTar(t)],
  ],
};

for (const [failure, command] of Object.entries(failures))
  test(`${failure} leaves nothing new`, (t) => {
    for (const [name, place] of Object.entries(places)) {
      const directory = tmpdir(t);
      const target = place(directory);
      const before = names(directory);
      const { status, stderr } = runFile(mainFile, command(t, target));
      t.not(status, 0, name);
      t.regex(stderr, /^layerhook: [^\n]+\n$/, name);
      t.deepEqual(names(directory), before, name);
    }
  });

test('an init that cannot write leaves nothing new', (t) => {
  for (const [name, place] of Object.entries(places)) {
    const directory = tmpdir(t);
    const target = place(directory);
    const before = names(directory);
    const limited = [
      '-c',
      'ulimit -f 0; exec "$0" "$@"',
      process.execPath,
      mainFile,
      'init',
      '--layout',
      target,
    ];
    t.not(spawnSync('sh', limited).status, 0, name);
    t.deepEqual(names(directory), before, name);
  }
});

test('an import that fails leaves a layout into which another process has put an image', async (t) => {
  const directory = tmpdir(t);
  const layout = join(directory, 'new');
  const child = spawn(process.execPath, [mainFile, 'import', '--image', `${layout}:a`, '-'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  while (!existsSync(join(layout, 'oci-layout'))) await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(runFile(mainFile, ['new', '--image', `${layout}:other`]).status, 0);
  child.stdin.end('not a tar');
  t.is(await ended, 5);
  t.is(runFile(mainFile, ['ls', '--layout', layout]).stdout, 'other\n');
});

test('a signal during an import leaves nothing new', async (t) => {
  const directory = tmpdir(t);
  const layout = join(directory, 'some/new');
  const child = spawn(process.execPath, [mainFile, 'import', '--image', `${layout}:a`, '-'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  while (!existsSync(join(layout, 'oci-layout'))) await new Promise((resolve) => setTimeout(resolve, 5));
  child.stdin.write(tar([{ name: 'a' }]).subarray(0, 512));
  child.kill('SIGINT');
  t.not(await ended, 0);
  t.deepEqual(names(directory), []);
});

test('a layout is removed only if no other process exchanged it, and nothing of others with it', async (t) => {
  const directory = tmpdir(t);
  const layout = join(directory, 'new');
  const outside = made(join(directory, 'outside/sha256'), '..');
  writeFileSync(join(outside, 'sha256/x'), '');
  const exchanges: Record<string, () => void> = {
    'the layout': () => {
      renameSync(layout, `${layout}.mine`);
      mkdirSync(layout);
    },
    blobs: () => {
      renameSync(join(layout, 'blobs'), join(directory, 'blobs'));
      symlinkSync(outside, join(layout, 'blobs'));
    },
    'a blob of others': () => writeFileSync(join(layout, 'blobs/sha256', 'f'.repeat(64)), ''),
    'an algorithm of others': () => made(join(layout, 'blobs/sha999')),
    'a file of others': () => writeFileSync(join(layout, 'notes'), ''),
    'an image': () => void 0,
  };
  for (const [name, exchange] of Object.entries(exchanges)) {
    const created = createLayout(layout);
    const { digest } = await created.writeBlob(Buffer.from('own'));
    if (name === 'an image') await newImage(created, 'x', new Date());
    exchange();
    await created.discard();
    t.true(existsSync(layout), name);
    t.true(existsSync(join(outside, 'sha256/x')), name);
    if (name === 'an image') t.true(created.hasBlob(digest));
    renameSync(layout, join(directory, `${name} done`));
  }
});
