import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { formatManifest, walk } from 'mtree-ts';
import { mainFile } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

const validate = (...args: string[]) => runFile(mainFile, ['raw', 'mtree-validate', ...args]);

function tree(dir: string): { root: string; manifest: string } {
  const root = join(dir, 'root');
  mkdirSync(join(root, 'd'), { recursive: true });
  writeFileSync(join(root, 'd/f'), 'hi\n');
  writeFileSync(join(root, 'g'), 'x\n');
  symlinkSync('g', join(root, 'l'));
  const manifest = join(dir, 'm.mtree');
  const keywords = ['type', 'size', 'mode', 'uid', 'sha256digest', 'link'] as const;
  writeFileSync(manifest, formatManifest(walk(root, { keywords })), 'latin1');
  return { root, manifest };
}

test('an unchanged directory passes, with every spelling of the options', (t) => {
  const { root, manifest } = tree(tmpdir(t));
  for (const args of [
    ['--manifest', manifest, '--path', root],
    ['-f', manifest, '-p', root],
    ['-file', manifest, '-p', root, '-k', 'type,size'],
  ]) {
    t.deepEqual(validate(...args), { status: 0, stdout: '', stderr: '' });
  }
});

test('each difference is a line, and the exit status is 1', (t) => {
  const { root, manifest } = tree(tmpdir(t));
  writeFileSync(join(root, 'g'), 'xyz\n');
  unlinkSync(join(root, 'l'));
  writeFileSync(join(root, 'new'), '');
  const { status, stdout, stderr } = validate('-f', manifest, '-p', root, '-k', 'type,size');
  t.is(status, 1);
  t.deepEqual(stdout.trimEnd().split('\n').sort(), [
    '"g": keyword "size": expected 2; got 4',
    '"l": missing path',
    '"new": unexpected path',
  ]);
  t.regex(stderr, /^layerhook: validation failed: files of [^\n]+: 3; [^\n]+\n$/);
});

test('each failure of the check is one line', (t) => {
  const { root, manifest } = tree(tmpdir(t));
  const broken = join(root, 'broken.mtree');
  writeFileSync(broken, '. type=dir\n/frob\n');
  for (const [args, message, exit] of [
    [['-f', `${manifest}x`, '-p', root], /m\.mtreex: no such file/, 3],
    [['-f', manifest, '-p', `${root}x`], /rootx/, 3],
    [['-f', manifest, '-p', root, '-K', 'bogus'], /bogus/, 2],
    [['-f', broken, '-p', root], /broken\.mtree:2: /, 5],
    [['-p', root], /missing mandatory argument: --manifest/, 2],
  ] as const) {
    const { status, stdout, stderr } = validate(...args);
    t.is(status, exit);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.regex(stderr, /^layerhook: [^\n]+\n$/);
  }
});

test('a hostile manifest is one clear error, and --max-manifest says how much there may be', (t) => {
  const { root, manifest } = tree(tmpdir(t));
  const refuse = (...args: string[]) => {
    const { status, stdout, stderr } = validate('-p', root, ...args);
    t.deepEqual({ status, stdout }, { status: 1, stdout: '' });
    t.regex(stderr, /^layerhook: mtree manifest .* over the limit of \d+ [^\n]*--max-manifest[^\n]*\n$/);
  };
  refuse('-f', manifest, '--max-manifest', '100');
  refuse('-f', '/dev/zero', '--max-manifest', '1MiB');
  t.is(validate('-p', root, '-f', manifest, '--max-manifest', '1kB').status, 0);
  writeFileSync(manifest, `.\n${'a type=dir\n'.repeat(400_000)}`);
  refuse('-f', manifest);
});

test('the command finds the same differences as umoci’s command', (t) => {
  const umoci = process.env.UMOCI ?? 'umoci';
  if (!requires(t, umoci)) return;
  const { root, manifest } = tree(tmpdir(t));
  const both = (...args: string[]) => {
    const all = ['-f', manifest, '-p', root, ...args];
    const sorted = (text: string) => text.split('\n').sort();
    const theirs = runProgram(umoci, ['raw', 'mtree-validate', ...all]);
    const ours = validate(...all);
    t.is(ours.status, theirs.status);
    t.deepEqual(sorted(ours.stdout), sorted(theirs.stdout));
  };
  if (runProgram(umoci, ['raw', 'mtree-validate', '--help']).status !== 0) {
    t.log('SKIPPED: this umoci has no raw mtree-validate');
    t.pass();
    return;
  }
  both();
  both('-K', 'sha512digest');
  execFileSync('setfattr', ['-n', 'user.a', '-v', '1', join(root, 'd')]);
  both('-k', 'type,xattr');
  writeFileSync(join(root, 'g'), 'y\n');
  rmSync(join(root, 'd'), { recursive: true });
  writeFileSync(join(root, 'd'), '');
  both('-k', 'type');
});

function runProgram(program: string, args: string[]) {
  try {
    return { status: 0, stdout: execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { status, stdout };
  }
}
