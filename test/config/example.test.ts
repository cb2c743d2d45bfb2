import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { load, privateDir, script, write } from './helpers.js';

const example = readFileSync('hooks.toml.example', 'utf8');

test('hooks.toml.example loads, with its programs in place', async (t) => {
  const dir = privateDir(t);
  for (const name of ['layer-cache.sh', 'layer-share.sh', 'list-changes', 'forget', 'upload-archive'])
    script(dir, name, 'exit 77');
  write(dir, 'lib/add-mount.mjs', readFileSync('docs/examples/add-mount.mjs', 'utf8'));
  const text = example
    .replaceAll('/usr/local/libexec/layerhook', dir)
    .replaceAll('/usr/local/lib/layerhook', join(dir, 'lib'));
  const loaded = await load(dir, text);
  t.deepEqual(
    loaded?.entries.map(({ run, points }) => [run.type, ...points]),
    [
      ['exec', 'unpack.ociv1.layer.try-skip', 'unpack.ociv1.layer.post-extract'],
      ['module', 'unpack.ociv1.bundle.config'],
      ['exec', 'snapshot.ociv1.layer.try-skip', 'snapshot.ociv1.layer.post-extract'],
      ['exec', 'repack.ociv1.layer.delta-list'],
      ['exec', 'bundle.ociv1.remove'],
      ['exec', 'runtime.ociv1.container.poststop-archive'],
    ],
  );
});

test('hooks.toml.example and docs/hook-protocol.md show every key', (t) => {
  const protocol = readFileSync('docs/hook-protocol.md', 'utf8');
  const schema = readFileSync('src/config/schema.ts', 'utf8');
  const [, top, hook] = /topKeys = \[(.*?)\];[\s\S]*hookKeys = \[(.*?)\];/.exec(schema) ?? [];
  const keys = (list = '') => [...list.matchAll(/'([^']+)'/g)].map(([, key]) => key as string);
  t.true(keys(top).length === 5 && keys(hook).length === 8);
  for (const key of keys(top)) {
    t.regex(example, new RegExp(`^\\[{0,2}${key}\\b`, 'm'));
    t.true(protocol.includes(key === 'hook' ? '| `[[hook]]` |' : `| \`${key}\` |`), key);
  }
  for (const key of keys(hook)) {
    t.regex(example, key === 'options' ? /^\[hook\.options\]/m : new RegExp(`^${key} = `, 'm'));
    t.true(protocol.includes(`| \`hook.${key}\` |`), key);
  }
});
