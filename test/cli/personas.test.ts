import { execFileSync, spawnSync } from 'node:child_process';
import test from 'ava';
import { mainFile } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { fixture, run, runUmoci } from './run.js';

test('help names the program that was called, and what it has', (t) => {
  const ours = run('--help');
  const theirs = runUmoci(t, '--help');
  t.deepEqual([ours.status, theirs.status], [0, 0]);
  t.regex(ours.stdout, /^NAME:\n {3}layerhook - /);
  t.regex(theirs.stdout, /^NAME:\n {3}umoci - umoci modifies Open Container images/);
  t.regex(ours.stdout, /\n {5}echo, say {2}prints\n/);
  t.regex(ours.stdout, /--log-format/);
  t.notRegex(theirs.stdout, /--log-format|only ours/);
  t.notRegex(ours.stdout, /prints lines/);
});

test('help of a command: by option, by word, and below a word', (t) => {
  for (const args of [
    ['echo', '--help'],
    ['help', 'echo'],
    ['echo', '-h'],
    ['h', 'say'],
  ]) {
    t.regex(run(...args).stdout, /layerhook echo - prints[\s\S]*--driver NAME {2}/);
    t.regex(runUmoci(t, ...args).stdout, /umoci echo - prints[\s\S]*--manifest FILE, -f FILE, --file FILE/);
  }
  t.notRegex(runUmoci(t, 'help', 'echo').stdout, /--driver/);
  t.regex(run('raw').stdout, /layerhook raw command[\s\S]*echo {2}prints too/);
  t.regex(run('raw', 'help', 'echo').stdout, /layerhook raw echo/);
  t.is(run('raw').status, 0);
});

test('--version', (t) => {
  t.regex(run('--version').stdout, /^layerhook version \d+\.\d+\.\d+\nimage spec: /);
  const theirs = runUmoci(t, '-v').stdout;
  t.regex(theirs, /^umoci version 0\.6\.0\+dev \(layerhook \d+\.\d+\.\d+\)\nimage spec: 1\./);
  t.regex(theirs, /\nruntime spec: 1\.[\s\S]*\ngo: go1\./);
});

test('called as umoci, each error has umoci’s exit status', (t) => {
  for (const [how, status] of [
    ['known', 3],
    ['BLOB_DIGEST', 5],
    ['bug', 70],
  ] as const) {
    t.is(run('fail', how).status, status);
    t.is(runUmoci(t, 'fail', how).status, 1);
  }
});

test('an unknown command is one line, with umoci’s exit status under its name', (t) => {
  const ours = run('nope');
  t.is(ours.status, 2);
  t.is(ours.stderr, 'layerhook: unknown command nope; see layerhook --help\n');
  t.is(
    run('raw', 'ecko').stderr,
    'layerhook: unknown command raw ecko (did you mean echo?); see layerhook raw --help\n',
  );
  const theirs = runUmoci(t, 'raw', 'nope');
  t.is(theirs.status, 3);
  t.is(theirs.stderr, "No help topic for 'nope'\n");
});

test('as umoci, our own commands are unknown but our options are understood', (t) => {
  t.is(runUmoci(t, 'ours').status, 3);
  t.is(runUmoci(t, 'echo', '--image', 'a', '--driver', 'copy', 'x').status, 0);
});

test('as umoci, a wrong option shows the help on stdout, as umoci does', (t) => {
  const { stdout, stderr } = runUmoci(t, 'echo', '--bogus');
  t.regex(stdout, /^Incorrect Usage: flag provided but not defined: -bogus\n\nNAME:\n {3}umoci echo/);
  t.regex(stderr, /^ {3}⨯ flag provided but not defined: -bogus; see umoci echo --help\n$/);
});

test('hints name the program that was called', (t) => {
  t.regex(run('fail', 'known').stderr, /create one with: layerhook init --layout/);
  t.regex(runUmoci(t, 'fail', 'known').stderr, /create one with: umoci init --layout/);
});

test('as umoci, a corrupt blob is reported in words that scripts for umoci look for', (t) => {
  const digest = /^ {3}⨯ verified reader digest mismatch: blob sha256:0 in \/l is corrupt/;
  t.regex(runUmoci(t, 'fail', 'BLOB_DIGEST').stderr, digest);
  const size =
    /^ {3}⨯ verified reader size mismatch, verified reader digest mismatch: the size of blob sha256:0 is 1,/;
  t.regex(runUmoci(t, 'fail', 'BLOB_SIZE').stderr, size);
  t.regex(run('fail', 'BLOB_SIZE').stderr, /^layerhook: the size of blob sha256:0 is 1,/);
});

test('exit statuses are those of umoci', (t) => {
  if (!requires(t, 'umoci')) return;
  const wrong = [['--help'], ['nope'], ['raw'], ['raw', 'nope'], ['help', 'nope'], ['--log=loud', 'ls'], []];
  for (const args of wrong) {
    const { status } = spawnSync('umoci', args, { stdio: 'ignore' });
    t.is(runUmoci(t, ...args).status, status, args.join(' '));
  }
});

test('a reader that ends early causes no error', (t) => {
  const script = `${process.execPath} ${fixture} lines 2>&1 | head -n 1; echo "\${PIPESTATUS[0]}"`;
  t.is(execFileSync('bash', ['-c', script], { encoding: 'utf8' }), 'line 0\n0\n');
});

test('the installed bin is the program', (t) => {
  t.regex(
    execFileSync(process.execPath, [mainFile, '--version'], { encoding: 'utf8' }),
    /^layerhook version/,
  );
});
