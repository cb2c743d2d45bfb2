import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { CommandSpec, CommandTable } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands/index.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

interface Named {
  /** every name and alias: `list`, `ls` */
  names: string[];
  spec: CommandSpec;
}

async function all(table: CommandTable, before = ''): Promise<Named[]> {
  const found = Object.entries(table).map(async ([word, entry]): Promise<Named[]> => {
    const names = [word, ...(entry.aliases ?? [])].map((name) => `${before}${name}`);
    if ('load' in entry) return [{ names, spec: (await entry.load()).default }];
    return all(entry.commands, `${names[0]} `);
  });
  return (await Promise.all(found)).flat();
}

test('docs/json.md describes every command with --json, and no other', async (t) => {
  const text = readFileSync('docs/json.md', 'utf8');
  const described = [...text.matchAll(/^\| (`[a-z -]+`(?:, `[a-z -]+`)*) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/`([a-z -]+?)(?: --layer)?`/g)].map(([, name]) => name!),
  );
  const withJson = (await all(commands)).filter(({ spec }) => spec.json);
  for (const { names } of withJson)
    t.true(
      names.some((name) => described.includes(name)),
      names.join(),
    );
  for (const name of described)
    t.true(
      withJson.some(({ names }) => names.includes(name)),
      name,
    );
});

test('a command has --json through the command table; stat keeps umoci’s form', async (t) => {
  const own = (await all(commands)).filter(({ spec }) => 'json' in spec.options);
  t.deepEqual(
    own.map(({ names }) => names[0]),
    ['stat'],
  );
});

test('ls --json has the tags that umoci lists, with the digests that skopeo gives', (t) => {
  if (!requires(t, 'umoci', 'skopeo')) return;
  const { layout } = buildImage(t, [[{ name: 'a' }]], { tag: 'one' });
  writeImage(layout, [[{ name: 'b' }]], { tag: 'two' });
  const { status, stdout } = runFile(mainFile, ['ls', '--json', '--layout', layout]);
  t.is(status, 0);
  const rows: { tag: string; digest: string; size: number }[] = JSON.parse(stdout);
  const tags = spawnSync('umoci', ['ls', '--layout', layout], { encoding: 'utf8' }).stdout;
  t.deepEqual(rows.map(({ tag }) => tag).sort(), tags.trim().split('\n').sort());
  for (const { tag, digest, size } of rows) {
    const raw = spawnSync('skopeo', ['inspect', '--raw', `oci:${layout}:${tag}`]).stdout;
    t.is(raw.length, size);
    const asked = ['inspect', '--format', '{{.Digest}}', `oci:${layout}:${tag}`];
    t.is(spawnSync('skopeo', asked, { encoding: 'utf8' }).stdout.trim(), digest);
  }
});

test('ls --json prints an empty list for a layout without tags', (t) => {
  const layout = join(tmpdir(t), 'layout');
  runFile(mainFile, ['init', '--layout', layout]);
  t.is(runFile(mainFile, ['ls', '--layout', layout, '--json']).stdout, '[]\n');
});

test('a long list is one JSON document with an element on each line, and a closed pipe ends it', (t) => {
  const directory = tmpdir(t);
  const names = Array.from({ length: 4000 }, (_, at) => `name-${at}`);
  const mtree = join(directory, 'mtree');
  writeFileSync(mtree, `#mtree\n. type=dir\n${names.map((name) => `    ${name} type=file\n`).join('')}..\n`);
  const args = ['raw', 'mtree-validate', '--json', '--manifest', mtree, '--path', tmpdir(t)];
  const { status, stdout } = runFile(mainFile, args);
  t.is(status, 1);
  const rows: { path: string; type: string }[] = JSON.parse(stdout);
  t.deepEqual(rows.map(({ path }) => path).sort(), names.sort());
  t.true(rows.every(({ type }) => type === 'missing'));
  t.is(stdout.trimEnd().split('\n').length, names.length + 2);
  const command = 'set -o pipefail; "$0" "$@" | head -n 1';
  const piped = spawnSync('bash', ['-c', command, process.execPath, mainFile, ...args], { encoding: 'utf8' });
  t.is(piped.status, 1, 'the status says what the command found');
  t.is(piped.stdout, '[\n');
});
