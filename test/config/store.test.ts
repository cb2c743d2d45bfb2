import { resolve } from 'node:path';
import test from 'ava';
import { chooseStore } from '../../src/config/store.js';
import type { LoadedConfig } from '../../src/config/types.js';

const config = { store: '/config', durability: 'sync' } as LoadedConfig;
const asRoot = process.geteuid?.() === 0;

test('--store, then the environment, then hooks.toml, then the default', (t) => {
  const env = { LAYERHOOK_STORE: '/env', HOME: '/users/me' };
  t.like(chooseStore({ store: 'here', env, config }), { root: resolve('here'), durability: 'sync' });
  t.is(chooseStore({ env, config }).root, '/env');
  t.is(chooseStore({ env: { LAYERHOOK_STORE: '' }, config }).root, '/config');
  const mine = asRoot ? '/var/lib/layerhook' : '/users/me/.local/share/layerhook';
  t.deepEqual(chooseStore({ env: { HOME: '/users/me' }, config: null }), { root: mine });
});
