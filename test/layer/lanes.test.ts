import { availableParallelism } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { Lanes } from '../../src/layer/lanes.js';

const MiB = 1 << 20;

function make(t: ExecutionContext): Lanes {
  const lanes = new Lanes(() => {});
  t.teardown(() => lanes.close());
  return lanes;
}

test('layers that take less than the start of a thread have none, until there is one', async (t) => {
  const lanes = make(t);
  t.is(await lanes.inline(MiB), null);
  const inline = await lanes.inline(60_000);
  t.is(lanes.all.length, 0);
  t.not(inline, null);
  for (let i = 0; i < 3; i++) t.is(await lanes.inline(60_000), inline);
  // many of them are worth one
  t.is(await lanes.inline(60_000), null);

  const other = make(t);
  await other.take(MiB);
  t.is(await other.inline(10), null);
});

test('a second lane comes for much that waits, or for many', async (t) => {
  const two = Math.min(2, availableParallelism());
  const lanes = make(t);
  await lanes.take(10);
  for (const size of [1000, 1000, 1000]) void lanes.take(size);
  t.is(lanes.all.length, 1);
  void lanes.take(1000);
  t.is(lanes.all.length, two);

  const other = make(t);
  await other.take(10);
  void other.take(MiB);
  t.is(other.all.length, two);
});

test('waiting tasks get a lane in turn', async (t) => {
  const lanes = make(t);
  const first = await lanes.take(10);
  const given: number[] = [];
  const waiting = [1, 2].map((n) => lanes.take(n).then(() => given.push(n)));
  lanes.release(first);
  await waiting[0];
  t.deepEqual(given, [1]);
  lanes.release(first);
  await waiting[1];
  t.deepEqual(given, [1, 2]);
  lanes.release(first);
  t.is(await lanes.take(3), first);
});
