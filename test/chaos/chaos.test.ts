/** The short form of `npm run chaos`: faults at a few moments of each kind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { requires } from '../helpers/requires.js';
import { failuresOf } from './failures.js';
import { alike, isChanging, pointsIn, sample } from './points.js';

test.serial('faults at a few moments lose nothing and leave nothing', async (t) => {
  if (!requires(t, 'root', 'strace', 'mkfs.ext4', 'mkfs.xfs')) return;
  t.timeout(900_000);
  const program = resolve('dist/test/chaos/run.js');
  const child = spawn(process.execPath, [program, 'short'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [figures, errors, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  t.is(status, 0, figures + errors);
  t.regex(figures, /^\d\d faults tried, 0 wrong$/m);
  t.regex(figures, / snapshots kept, 0 lost, 0 left behind, /);
  t.log(figures);
});

test('a sample is spread over all, and differs by its seed', (t) => {
  const all = Array.from({ length: 100 }, (_, at) => at);
  const whole = { limit: 1000, every: 1, seed: 1 };
  const [one, two] = [sample(all, { ...whole, limit: 5 }), sample(all, { ...whole, limit: 5, seed: 2 })];
  t.deepEqual(
    one.map((at) => Math.floor(at / 20)),
    [0, 1, 2, 3, 4],
  );
  t.notDeepEqual(one, two);
  t.deepEqual(sample(all, whole), all);
  t.deepEqual(
    sample(all, { ...whole, every: 25 }).map((at) => at % 25),
    [15, 15, 15, 15],
  );
});

const log = `
10 openat(AT_FDCWD</>, "/p/layout/blobs/sha256/${'a'.repeat(64)}", O_RDONLY|O_CLOEXEC) = 17</p/layout/blobs>
10 read(17</p/layout/index.json>, "{"schemaVersion":2}", 8192) = 19
10 read(17</p/layout/index.json>, "", 8192) = 0
10 openat(AT_FDCWD</>, "/usr/lib/libc.so", O_RDONLY|O_CLOEXEC) = 17</usr/lib/libc.so>
10 mkdir("/p/store/snapshots/new-Ab12cD", 0777) = 0
11 openat(AT_FDCWD</>, "/p/layout/blobs/sha256/${'b'.repeat(64)}", O_RDONLY|O_CLOEXEC) = 18</p/layout/blobs>
10 openat(AT_FDCWD</>, "/p/layout/blobs/sha256/${'c'.repeat(64)}", O_RDONLY|O_CLOEXEC <unfinished ...>
10 mkdir("/p/store/snapshots/new-xYz987", 0777) = 0
10 openat(AT_FDCWD</>, "/p/store/locks/use", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 19</p/store/locks/use>
`;

test('points in one situation differ by data, numbers, hashes and random names only', (t) => {
  const points = pointsIn(log, '/p');
  t.deepEqual(
    points.map(({ call, nth }) => `${call} ${nth}`),
    ['openat 1', 'read 1', 'read 2', 'mkdir 1', 'openat 3', 'mkdir 2', 'openat 4'],
  );
  const [first, read, again, made, third, madeAgain, lock] = points.map(({ situations }) => situations);
  t.deepEqual(read, again);
  t.deepEqual(made, madeAgain);
  // the first call of each thread has the number 1
  t.is(first!.length, 2);
  t.deepEqual(third, [first![0]!]);
  t.not(lock![0], first![0]);
  t.deepEqual(points.map(isChanging), [false, false, false, true, false, true, true]);
});

test('a file that is opened to be read cannot lack space, nor be on a read-only file system', (t) => {
  const [reading, , , , , , creating] = pointsIn(log, '/p').map((point) =>
    failuresOf(point).map(({ error }) => error),
  );
  t.deepEqual([...new Set(reading)], ['EIO', 'EMFILE', 'ENOMEM', 'ESTALE', 'EINTR']);
  t.deepEqual(
    creating!.filter((error) => !reading!.includes(error)),
    ['ENOSPC', 'EDQUOT', 'EROFS'],
  );
});

test('of alike faults the first and the last are tried, and those that another situation needs', (t) => {
  const faults = Array.from({ length: 9 }, (_, at) => at);
  const most = (count: number) => alike(faults, (at) => (at === 4 ? ['many', 'one'] : ['many']), count);
  t.deepEqual(most(1), [0, 4]);
  t.deepEqual(most(2), [0, 4, 8]);
  t.deepEqual(most(5), [0, 2, 4, 6, 8]);
  t.deepEqual(most(1000), faults);
});
