import test from 'ava';
import { type Outcome, run, runUmoci } from './run.js';

const printed = (outcome: Outcome) => JSON.parse(outcome.stdout);
const spellings: [string, string[]][] = [
  ['two dashes', ['echo', '--image', 'a:b', '--manifest', 'm', '--rootless', 'x']],
  ['equals signs', ['echo', '--image=a:b', '--manifest=m', '--rootless=true', 'x']],
  ['one dash', ['echo', '-image', 'a:b', '-manifest=m', '-rootless', 'x']],
  ['other names', ['say', '--image', 'a:b', '-f', 'm', '--rootless=T', 'x']],
  ['options last', ['echo', 'x', '--image', 'a:b', '--file', 'm', '--rootless']],
  ['global options in between', ['echo', '--log', 'error', 'x', '--image', 'a:b', '-file=m', '--rootless']],
  ['the last one wins', ['echo', '--image', 'z', '--image', 'a:b', '-f=m', '--rootless', 'x']],
  ['short ones in one word', ['echo', '--image', 'a:b', '-qf', 'm', '--rootless', 'x']],
  ['a short one and its value in one word', ['echo', '--image', 'a:b', '-fm', '--rootless', 'x']],
  ['below a word', ['raw', 'echo', '--image', 'a:b', '--manifest', 'm', '--rootless', 'x']],
  ['two dashes end options', ['echo', '--image', 'a:b', '--manifest', 'm', '--rootless', '--', 'x']],
];
for (const [name, args] of spellings) {
  test(`options are understood with ${name}`, (t) => {
    for (const outcome of [run(...args), runUmoci(t, ...args)]) {
      t.is(outcome.status, 0, outcome.stderr);
      const { args: operands, options } = printed(outcome);
      t.deepEqual(operands, ['x']);
      t.like(options, { image: 'a:b', manifest: 'm', rootless: true, 'no-history': false });
    }
  });
}

test('a value may look like an option, be empty, or contain newlines and equals signs', (t) => {
  const { options } = printed(
    run('echo', '--image', '-x', '--history.author=', '--history.comment=a=b\nc', 'thing'),
  );
  t.like(options, { image: '-x', 'history.author': '', 'history.comment': 'a=b\nc' });
});

test('--switch=false is off', (t) => {
  t.false(printed(run('echo', '--image', 'a', '--rootless=false', 'x')).options.rootless);
  t.false(printed(run('echo', '--image', 'a', '-rootless=0', 'x')).options.rootless);
});

test('id maps and history become what the library takes', (t) => {
  const args = ['--uid-map', '0:1000:10', '--uid-map=10:5', '--history.created_by', 'me', '--rootless'];
  const { map, history } = printed(run('echo', '--image', 'a', ...args, 'x'));
  t.deepEqual(map, {
    uidMappings: [
      { containerID: 0, hostID: 1000, size: 10 },
      { containerID: 10, hostID: 5, size: 1 },
    ],
    gidMappings: [{ containerID: 0, hostID: process.getegid!(), size: 1 }],
    rootless: true,
  });
  t.deepEqual(history, { createdBy: 'me' });
  t.is(printed(run('echo', '--image', 'a', '--no-history', 'x')).history, false);
});

const wrong: [string[], RegExp][] = [
  [['echo', 'x'], /missing mandatory argument: --image/],
  [['echo', '--image', '', 'x'], /--image cannot be empty/],
  [['echo', '--image', 'a'], /invalid number of positional arguments: expected <thing>/],
  [['echo', '--image', 'a', 'x', 'y'], /expected <thing>/],
  [['echo', '--image', 'a', ''], /<thing> cannot be empty/],
  [['echo', '--image'], /argument missing/],
  [['echo', '--nope', 'x'], /unknown option '--nope';/],
  [['echo', '--nope=1', 'x'], /unknown option '--nope=1';/],
  [['echo', '-nope', 'x'], /unknown option '-nope';/],
  [['echo', '-qnope', 'x'], /unknown option '-nope';/],
  [['echo', '-5', 'x'], /unknown option '-5';/],
  [['echo', '--__proto__', 'x'], /unknown option '--__proto__';/],
  [['echo', '--toString=1', 'x'], /unknown option '--toString=1';/],
  [['echo', '--imag', 'a', 'x'], /unknown option '--imag' \(did you mean --image\?\);/],
  [['--verbos', 'echo', 'x'], /unknown option '--verbos' \(did you mean --verbose\?\);/],
  [['echo', '--image', 'a', 'x', '-f'], /option '-f, --manifest <FILE>' argument missing;/],
  [['echo', '--rootless=maybe', '--image', 'a', 'x'], /invalid boolean value "maybe"/],
  [['echo', '--image', 'a', '--uid-map', '1', 'x'], /malformed id map 1/],
  [['echo', '--image', 'a', '--uid-map', '0:4294967296:1', 'x'], /malformed id map/],
  [['echo', '--image', 'a', '--no-history', '--history.author', 'x', 'x'], /may not be specified together/],
  [['echo', '--image', 'a', '--history.created', 'yesterday', 'x'], /yesterday is malformed/],
  [['--log', 'loud', 'echo'], /invalid --log loud: expected debug/],
  [['--log', 'info', '--verbose', 'echo'], /mutually exclusive/],
  [['--log-format', 'xml', 'echo'], /invalid --log-format xml: expected text/],
  [['--cpu-profile', '', 'echo', '--image', 'a', 'x'], /--cpu-profile cannot be empty/],
];
for (const [args, message] of wrong) {
  test(`one line says what is wrong with: ${JSON.stringify(args)}`, (t) => {
    const outcome = run(...args);
    t.is(outcome.status, 2);
    t.is(outcome.stdout, '');
    t.regex(outcome.stderr, message);
    t.regex(outcome.stderr, /^layerhook: [^\n]+\n$/);
    const umoci = runUmoci(t, ...args);
    t.is(umoci.status, 1);
    t.regex(umoci.stderr, /^ {3}⨯ [^\n]+\n$/);
  });
}
