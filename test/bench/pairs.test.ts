import test from 'ava';
import { median, ratios, timePairs } from './pairs.js';
import { benchTable } from './table.js';

test('subjects run in turn, one round more than is counted, prepared and cleared each time', async (t) => {
  const log: string[] = [];
  const subject = (name: string) => ({
    name,
    prepare: () => log.push(`+${name}`),
    run: async () => log.push(name),
    clear: () => log.push(`-${name}`),
  });
  const pair = await timePairs('task', subject('a'), subject('b'), { rounds: 1 });
  t.deepEqual(log, ['+a', 'a', '-a', '+b', 'b', '-b', '+a', 'a', '-a', '+b', 'b', '-b']);
  t.is(pair.ours.values.length, 1);
});

test('median, ratios and verdict', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  const pair = {
    task: 'x',
    ours: { name: 'a', values: [1, 2, 3] },
    peer: { name: 'b', values: [10, 10, 10] },
    target: 0.25,
  };
  t.deepEqual(ratios(pair), [0.1, 0.2, 0.3]);
  const show = (value: number) => value.toFixed(1);
  t.regex(benchTable([pair], show), /\| x +\| a 2\.0 \(1\.0 to 3\.0\) +\|.*0\.200 \(0\.100 to 0\.300\).*met/);
  t.regex(benchTable([{ ...pair, target: 0.1 }], show), /MISSED/);
});
