import test from 'ava';
import { TapReader } from './tap.js';

function read(text: string, status: number | null) {
  const reader = new TapReader();
  for (const line of text.split('\n')) reader.line(line);
  return { totals: reader.finish(status), tests: reader.tests };
}

test('counts passes, failures, and tests skipped by ava or by requires()', (t) => {
  const tap = [
    'TAP version 13',
    'ok 1 - a › works',
    'not ok 2 - a › breaks',
    '  ---',
    '    message: ok 9 - not a test',
    '  ...',
    'ok 3 - b › needs umoci',
    '#   SKIPPED: needs umoci',
    'ok 4 - b › off # SKIP',
    '',
    '1..4',
    '# tests 4',
    '# pass 2',
    '# skip 1',
    '# fail 1',
  ].join('\n');
  const { totals, tests } = read(tap, 1);
  t.deepEqual(totals, { passed: 1, failed: 1, skipped: 2 });
  t.is(tests[2]!.reason, 'needs umoci');
  t.deepEqual(
    tests.map(({ details }) => details),
    [[], ['    message: ok 9 - not a test'], [], []],
  );
  t.is(tests[3]!.title, 'b › off');
});

test('a test that failed stays failed regardless of its log', (t) => {
  const { totals } = read('not ok 1 - x\n#   SKIPPED: needs root\n# fail 1', 1);
  t.deepEqual(totals, { passed: 0, failed: 1, skipped: 0 });
});

test('of long details, the first and last lines and characters are kept', (t) => {
  const lines = Array.from({ length: 100 }, (_, at) => String(at));
  lines[99] = `${'x'.repeat(1000)}y`;
  const { tests } = read(['not ok 1 - x', '  ---', ...lines, '  ...', '# fail 1'].join('\n'), 1);
  const last = `${'x'.repeat(200)} … ${'x'.repeat(399)}y`;
  t.deepEqual(tests[0]!.details, [...lines.slice(0, 10), ...lines.slice(80, 99), last]);
});

test('tests that a crashed process never reached count as failed', (t) => {
  const { totals } = read('ok 1 - a\nnot ok 2 - a.js exited due to SIGSEGV\n# fail 3', 1);
  t.is(totals.failed, 3);
});

test('a run cut short fails, with or without an exit status', (t) => {
  t.is(read('ok 1 - a', null).totals.failed, 1);
  t.is(read('ok 1 - a', 0).totals.failed, 1);
  t.is(read('ok 1 - a\n# fail 0', 1).totals.failed, 1);
  t.is(read('ok 1 - a\n# fail 0', 0).totals.failed, 0);
});
