import { availableParallelism } from 'node:os';
import test from 'ava';
import { Backlog } from '../../src/layer/backlog.js';

const cores = availableParallelism();
const size = 100 << 20;
const layers = (count: number) => Array.from({ length: count }, () => ({ size }));

test('a layer has one thread while others keep all other cores busy', (t) => {
  const backlog = new Backlog();
  backlog.expect(layers(cores));
  t.true(backlog.keepsCoresBusy(size));
  for (let begun = 0; begun < cores; begun++) backlog.begin(size);
  t.true(backlog.keepsCoresBusy(size));
  for (let done = 1; done < cores; done++) backlog.end(size);
  t.is(backlog.keepsCoresBusy(size), cores === 1);
});

test('a layer that is larger than all others together has two threads', (t) => {
  const backlog = new Backlog();
  const large = 2 * cores * size;
  backlog.expect([...layers(cores), { size: large }]);
  t.is(backlog.keepsCoresBusy(large), cores === 1);
  t.true(backlog.keepsCoresBusy(size));
});

test('layers without an announcement count from their beginning', (t) => {
  const backlog = new Backlog();
  backlog.begin(size);
  t.is(backlog.keepsCoresBusy(size), cores === 1);
  for (let begun = 1; begun < cores; begun++) backlog.begin(size);
  t.true(backlog.keepsCoresBusy(size));
});
