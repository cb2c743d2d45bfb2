// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal's control sequences
import test from 'ava';
import { errorLine } from '../helpers/error-line.js';
import { fixture, run, runFile } from './run.js';

test('an error is one line: what, where, what would be right', (t) => {
  const { status, stdout, stderr } = run('fail', 'known');
  t.is(status, 3);
  t.is(stdout, '');
  t.is(
    stderr,
    'layerhook: no OCI image layout at /some/where; create one with: layerhook init --layout /some/where\n',
  );
});

test('control characters of a hostile name do not reach the terminal', (t) => {
  const { stderr } = run('echo', '--image', 'a', 'evil');
  t.true(stderr.endsWith('\nlayerhook: warning: a\\nb\\u001b[2J name=c\\u001bd\n'), stderr);
  t.regex(run('fail', 'escapes').stderr, /^layerhook: no OCI image layout at a\\nb\\u001b\[31m; [^\n]*\n$/);
});

test('--debug adds the stack and the causes', (t) => {
  const { stderr } = run('--debug', 'fail', 'known');
  t.regex(stderr, /LayerhookError: no OCI image layout[\s\S]*fixture\.js[\s\S]*the cause/);
  t.notRegex(run('fail', 'bug').stderr, /fixture\.js/);
});

test('--log-format=json: one object, with code and details', (t) => {
  for (const args of [
    ['--log-format=json', 'fail', 'known'],
    ['fail', 'known', '--log-format', 'json'],
  ]) {
    const { status, stderr } = run(...args);
    t.is(status, 3);
    t.is(stderr.split('\n').length, 2);
    t.like(JSON.parse(stderr), {
      level: 'fatal',
      code: 'LAYOUT_NOT_FOUND',
      message: 'no OCI image layout at /some/where',
      hint: 'create one with: layerhook init --layout /some/where',
      details: { path: '/some/where' },
    });
  }
  t.like(JSON.parse(run('--log-format=json', '--nope').stderr), { code: 'USAGE' });
  t.regex(JSON.parse(run('--log-format=json', '--debug', 'fail', 'known').stderr).stack, /the cause/);
});

test('errors of the system are described in words, with their path', (t) => {
  t.is(
    run('fail', 'ENOSPC').stderr,
    'layerhook: no space left: open /some/where; partial results were removed; free some space there; layerhook store gc removes unused layers, layerhook gc unused blobs\n',
  );
  t.regex(
    run('fail', 'EACCES').stderr,
    /^layerhook: open \/some\/where: permission denied \(EACCES\); [^\n]+\n$/,
  );
  t.regex(run('fail', 'ENOENT').stderr, /open \/some\/where: no such file or directory \(ENOENT\); /);
});

test('a bug in layerhook is reported as one, without a stack', (t) => {
  const { status, stderr } = run('fail', 'bug');
  t.is(status, 70);
  t.regex(stderr, errorLine('INTERNAL'));
  t.regex(stderr, /^layerhook: internal error: cannot read; this is a bug in layerhook; [^\n]+\n$/);
});

test('an unhandled rejection ends the run like any other error', (t) => {
  const { status, stderr } = run('fail', 'later');
  t.is(status, 70);
  t.regex(stderr, /^layerhook: internal error: unhandled; [^\n]+\n$/);
});

test('the log goes to stderr, from the level asked for', (t) => {
  const log = (...args: string[]) => run(...args, 'echo', '--image', 'a', 'x').stderr;
  t.is(log(), 'layerhook: warning: warning path=/x y\n');
  t.is(log('--verbose'), 'layerhook: informing count=2\nlayerhook: warning: warning path=/x y\n');
  t.regex(log('--log=debug'), /^layerhook: debug: debugging\n/);
  t.regex(log('--debug'), /^layerhook: debug: debugging\n/);
  t.is(log('--quiet'), '');
  t.is(log('--log', 'fatal'), '');
});

test('the log as JSON', (t) => {
  const { stderr } = run('--log-format=json', '--log=info', 'echo', '--image', 'a', 'x');
  const lines = stderr.trim().split('\n');
  t.deepEqual(
    lines.map((line) => {
      const { time, ...rest } = JSON.parse(line);
      t.false(Number.isNaN(Date.parse(time)));
      return rest;
    }),
    [
      { level: 'info', message: 'informing', count: 2 },
      { level: 'warn', message: 'warning', path: '/x y' },
    ],
  );
});

test('colour needs a terminal at stderr, or --color=always', (t) => {
  t.notRegex(run('fail', 'known').stderr, /\u001b/);
  t.regex(run('--color=always', 'fail', 'known').stderr, /^\u001b\[31mlayerhook:\u001b\[39m no OCI/);
});

test('DEBUG=layerhook:* traces through debug at any log level', (t) => {
  const { stderr } = runFile(fixture, ['echo', '--image', 'a', 'x'], { DEBUG: 'layerhook:*' });
  t.regex(stderr, /layerhook:debug debugging/);
  t.regex(stderr, /layerhook:info informing/);
});
