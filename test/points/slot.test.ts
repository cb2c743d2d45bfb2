import test from 'ava';
import { createDispatcher } from '../../src/points/dispatch.js';
import type { BundleContext, Hooks } from '../../src/points/points.js';
import { Slot } from '../../src/points/slot.js';
import { silentLogger } from '../../src/system/logger.js';

const map = { uidMappings: [], gidMappings: [], rootless: false };
const context = { bundle: '/b', rootfs: '/b/rootfs', map };

/** Calls hooks at umount and remove, as one operation does. */
async function operate(hooks: Hooks): Promise<void> {
  const { signal } = new AbortController();
  const dispatcher = createDispatcher([{ owner: 'mine', hooks }], { log: silentLogger, signal });
  await dispatcher.first('bundle.ociv1.umount', context);
  await dispatcher.every('bundle.ociv1.remove', context);
  await dispatcher.close();
}

test('a slot has one state per operation, which ends with the operation', async (t) => {
  const seen: string[] = [];
  let made = 0;
  const slot = new Slot(
    ({ bundle }: BundleContext) => ({ name: `${bundle} ${made++}` }),
    ({ name }) => void seen.push(`end ${name}`),
  );
  const other = new Slot(() => ({ name: 'other' }));
  const hooks: Hooks = {
    'bundle.ociv1.umount': (given) => {
      seen.push(`${slot.find(given)?.name}`, slot.of(given).name);
    },
    'bundle.ociv1.remove': (given) => {
      seen.push(slot.of(given).name, `${other.find(given)?.name}`);
    },
  };
  await operate(hooks);
  await operate(hooks);
  const first = ['undefined', '/b 0', '/b 0', 'undefined', 'end /b 0'];
  t.deepEqual(seen, [...first, ...first.map((word) => word.replace('0', '1'))]);
});

test('operations that run side by side on one path do not share state', async (t) => {
  const slot = new Slot(() => ({}));
  const states: object[] = [];
  let arrived = 0;
  let go: () => void = () => {};
  const both = new Promise<void>((resolve) => {
    go = resolve;
  });
  const hooks: Hooks = {
    'bundle.ociv1.umount': async (given) => {
      states.push(slot.of(given));
      if (++arrived === 2) go();
      await both;
    },
    'bundle.ociv1.remove': (given) => void t.true(states.includes(slot.of(given))),
  };
  await Promise.all([operate(hooks), operate(hooks)]);
  t.not(states[0], states[1]);
});

test('a context that no operation made has no state', (t) => {
  const given = { ...context, log: silentLogger, signal: new AbortController().signal };
  const slot = new Slot(() => 1);
  t.is(slot.find(given), undefined);
  t.throws(() => slot.of(given), { instanceOf: TypeError, message: /context of a hook/ });
});
