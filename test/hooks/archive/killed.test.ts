import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ContainerRecord } from '../../../hooks/archive/records.js';
import { requires } from '../../helpers/requires.js';
import { sh } from '../../overlay/mounted.js';
import { type Stopped, statuses, stopped } from './setup.js';

/** Calls that change something, under the names that old and new versions of node use. */
const calls = ['renameat2', 'rename', 'fsync', 'unlinkat', 'syncfs', 'mkdirat'];

function changed(t: ExecutionContext<unknown>): Stopped {
  const container = stopped(t, (at) => sh(at('.'), 'echo a > a'));
  sh(container.merged, 'echo new > new; rm a; mkdir d; echo x > d/x');
  return container;
}

const killed = (call: string, nth: number) => [
  ...['strace', '-f', '-qq', '-o', '/dev/null'],
  ...['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`],
];

const archive = (out: string, method: string) => ({
  ...{ 'mount-point': '/data', 'archive-to': join(out, 'data') },
  ...{ method, success: join(out, 'ok') },
});

function isWhole(t: ExecutionContext<unknown>, out: string, method: string, when: string): void {
  t.deepEqual(readdirSync(out).sort(), ['data', 'ok'], when);
  t.is(lstatSync(join(out, 'ok')).size, 0, when);
  const data = join(out, 'data');
  const names =
    method === 'copy'
      ? sh(data, 'find . | sort')
      : execFileSync('sh', ['-c', `tar -tf ${data} | sed 's|/$||' | sort`], { encoding: 'utf8' });
  t.is(names, '.\n./a\n./d\n./d/x\n./new\n', when);
}

for (const [title, method, older] of [
  ['a copy', 'copy', false],
  ['a copy over an older one', 'copy', true],
  ['a tar', 'tar', false],
] as const)
  test(`${title}: a hook that is killed at any call can be called again, or retried`, (t) => {
    if (!requires(t, 'root', 'strace', 'tar')) return;
    let kills = 0;
    for (const call of calls)
      for (let nth = 1; ; nth++) {
        const { out, start, stop, traced, again, merged, records } = changed(t);
        const wanted = { data: archive(out, method) };
        if (older) {
          t.is(stop(wanted).status, 0);
          sh(merged, 'touch new');
        }
        start(wanted);
        if (traced(...killed(call, nth)).status === 0) break;
        kills += 1;
        const how = nth % 2 === 0 && isWanted(records) ? ['retry'] : [];
        const when = `${call} ${nth} ${how}`;
        const { status, log } = again(...how);
        t.is(status, 0, `${when}\n${log}`);
        isWhole(t, out, method, when);
        t.deepEqual(statuses(records()), { data: 'done' }, when);
        t.deepEqual(
          readdirSync(join(out, '../state/directories')).filter((name) => !name.endsWith('.json')),
          [],
          when,
        );
      }
    t.true(kills > 8, `${kills}`);
  });

for (const method of ['copy', 'tar'])
  test(`a ${method} that has its name is finished without the upperdir, which the engine removes`, (t) => {
    if (!requires(t, 'root', 'strace', 'tar')) return;
    const { out, start, traced, again, records, merged, upperdir } = changed(t);
    start({ data: archive(out, method) });
    // the third rename gives the archive its name, the fourth is of its record or of the success file
    t.not(traced(...killed('renameat2', 4)).status, 0);
    t.deepEqual(statuses(records()), { data: 'wanted' });
    execFileSync('umount', [merged]);
    rmSync(upperdir, { recursive: true });
    const { status, log } = again('retry');
    t.is(status, 0, log);
    isWhole(t, out, method, 'retried');
    t.deepEqual(statuses(records()), { data: 'done' });
  });

function isWanted(records: () => ContainerRecord[]): boolean {
  try {
    return Object.values(statuses(records())).includes('wanted');
  } catch {
    // killed before there was any
    return false;
  }
}

test('a directory that cannot be read is an error without a stack', (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const { out, start, traced } = changed(t);
  start({ data: archive(out, 'tar') });
  const failing = ['-e', 'trace=getdents64', '-e', 'inject=getdents64:error=EIO:when=2+'];
  const { status, log } = traced('strace', '-f', '-qq', '-o', '/dev/null', ...failing);
  t.is(status, 1, log);
  t.regex(log, /level=error msg="getdents64 [^"]*i\/o error \(EIO\)/);
  t.notRegex(log, /internal error|\.js:\d/);
});

test('a system error while an archive is made is one line, without a stack', (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const { out, start, traced, upperdir } = changed(t);
  start({ data: archive(out, 'tar') });
  const failing = ['-e', 'trace=openat', '-e', 'inject=openat:error=EIO', '-P', join(upperdir, 'd')];
  const { status, log } = traced('strace', '-f', '-qq', '-o', '/dev/null', ...failing);
  t.is(status, 1, log);
  t.regex(log, /level=error msg="Archive data failed: [^"]*i\/o error \(EIO\)/);
  t.notRegex(log, /internal error|\.js:\d/);
});

test('an archive that cannot be recorded is there, with its success file', (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const { out, start, traced } = changed(t);
  start({ data: archive(out, 'copy') });
  // the third rename gives the archive its name, the fourth is of its record
  const failing = ['-e', 'trace=renameat2', '-e', 'inject=renameat2:error=EIO:when=4'];
  const { status, log } = traced('strace', '-f', '-qq', '-o', '/dev/null', ...failing);
  t.is(status, 0, log);
  t.regex(log, /level=warning msg="Cannot record that [^"]*data is an archive: /);
  isWhole(t, out, 'copy', 'not recorded');
});
