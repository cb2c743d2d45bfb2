import test from 'ava';
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
  });
}

test('a second signal kills', async (t) => {
  const { child, said, ended } = await start('wait', '--stubborn');
  child.kill('SIGINT');
  await said('noticed\n');
  child.kill('SIGINT');
  const outcome = await ended;
  t.is(outcome.signal, 'SIGINT');
  t.is(outcome.stdout, 'waiting\nnoticed\n');
});
