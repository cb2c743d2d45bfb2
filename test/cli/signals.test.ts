import test from 'ava';
import { errorLine } from '../helpers/error-line.js';
import { start } from './run.js';

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} aborts the command, which may clean up: exit status ${status}`, async (t) => {
    const { child, ended } = await start('wait');
    child.kill(signal);
    const outcome = await ended;
    t.is(outcome.status, status);
    t.is(outcome.stdout, 'waiting\ncleaned up\n');
    t.regex(outcome.stderr, /^layerhook: wait was interrupted; [^\n]+\n$/);
    t.regex(outcome.stderr, errorLine('ABORTED'));
  });
}

test('a signal ends a reading command immediately, also while it is busy', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const { child, ended } = await start('read');
    child.kill(signal);
    const outcome = await ended;
    t.is(outcome.signal, signal);
    t.is(outcome.stdout, 'reading\n');
  }
});

test('a second signal kills', async (t) => {
  const { child, said, ended } = await start('wait', '--stubborn');
  child.kill('SIGINT');
  await said('noticed\n');
  child.kill('SIGINT');
  const outcome = await ended;
  t.is(outcome.signal, 'SIGINT');
  t.is(outcome.stdout, 'waiting\nnoticed\n');
});
