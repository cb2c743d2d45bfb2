import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { fixture, runFile } from './run.js';

const readme = readFileSync('README.md', 'utf8');
const block = (language: string) => {
  const found = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].filter(([, name]) => name === language);
  return found.map(([, , code]) => code!);
};

rootTest('the README’s hook in JavaScript runs', (t) => {
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]], { tag: 'patched' });
  // inside the package, so that it finds `layerhook`
  const file = join(dirname(fixture), `readme-${process.pid}.mjs`);
  t.teardown(() => rmSync(file, { force: true }));
  const dir = tmpdir(t);
  execFileSync('cp', ['-r', image.layout, join(dir, 'images')]);
  writeFileSync(file, block('js')[0]!);
  const output = execFileSync(process.execPath, [file], { cwd: dir, encoding: 'utf8' });
  t.regex(output, /^layer 0: sha256:[0-9a-f]{64}\n$/);
  t.is(JSON.parse(readFileSync(join(dir, 'bundle2/config.json'), 'utf8')).hostname, 'demo');
});

test('the README’s hook program runs', (t) => {
  if (!requires(t, 'root', 'jq')) return;
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const dir = tmpdir(t);
  const program = join(dir, 'tell-layer');
  const script = block('sh').find((code) => code.startsWith('#!/bin/sh'));
  writeFileSync(program, script!, { mode: 0o755 });
  const toml = join(dir, 'hooks.toml');
  writeFileSync(toml, block('toml')[0]!.replace('/usr/local/libexec/tell-layer', program));
  const args = ['--hooks', toml, '--verbose', 'unpack', '--image', image.reference, join(dir, 'bundle')];
  const { status, stderr } = runFile(mainFile, args);
  t.is(status, 0, stderr);
  t.regex(stderr, /^layerhook: tell-layer: sha256:[0-9a-f]{64}: 1 entries$/m);
});
