// The test of NAME: node --test
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { unpack } from 'layerhook';
import { writeImage } from 'layerhook/testing';

test('NAME notes the image in config.json', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'NAME-'));
  t.after(() => rmSync(home, { recursive: true }));
  const { reference: image, manifest } = writeImage(join(home, 'image'), [[{ name: 'file', content: 'x' }]]);
  const bundle = join(home, 'bundle');
  const hooksFile = fileURLToPath(new URL('hooks.toml', import.meta.url));
  const map = { uidMappings: [], gidMappings: [], rootless: process.geteuid() !== 0 };
  const messages = [];
  const log = { error() {}, warn() {}, debug() {}, info: (message) => messages.push(message) };
  const {
    manifest: { digest },
  } = await unpack({ image, bundle, hooksFile, map, log });
  const { annotations } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
  assert.equal(annotations['NAME.image'], digest);
  assert.equal(
    messages.filter((message) => message.includes('extracted sha256:')).length,
    manifest.layers.length,
  );
});
