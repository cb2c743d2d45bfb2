import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createLayout, type Layout, openLayout } from '../../src/image/layout.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const owner = 65534;

test('a symlink in the place of the temporary directory leads no file elsewhere', async (t) => {
  const { layout, outside } = layoutWithCanary(tmpdir(t));
  await layout.writeBlob(Buffer.from('first'));
  const session = readdirSync(layout.path).find((name) => name.startsWith('.umoci-'))!;
  renameSync(join(layout.path, session), join(layout.path, 'gone'));
  symlinkSync(outside, join(layout.path, session));
  async function* content() {
    yield Buffer.from('sec');
    t.deepEqual(readdirSync(outside), ['canary']);
    yield Buffer.from('ond');
  }
  const { digest } = await layout.writeBlob(content());
  t.true(layout.hasBlob(digest));
  await layout.close();
  t.deepEqual(readdirSync(outside), ['canary']);
});

test('a directory in the place of the temporary directory is not emptied', async (t) => {
  const { layout, outside } = layoutWithCanary(tmpdir(t));
  await layout.writeBlob(Buffer.from('first'));
  const session = readdirSync(layout.path).find((name) => name.startsWith('.umoci-'))!;
  renameSync(join(layout.path, session), join(layout.path, 'gone'));
  renameSync(outside, join(layout.path, session));
  await layout.close();
  t.deepEqual(readdirSync(join(layout.path, session)), ['canary']);
});

rootTest("root gives a new directory of blobs to the layout's owner, and no other file", async (t) => {
  const dir = tmpdir(t);
  const canary = join(dir, 'canary');
  writeFileSync(canary, 'secret', { mode: 0o600 });
  chownSync(dir, owner, owner);
  for (let attempt = 0; attempt < 25; attempt++) {
    const { path } = createLayout(join(dir, String(attempt)));
    const blobs = join(path, 'blobs');
    rmSync(join(blobs, 'sha256'), { recursive: true });
    for (const file of [path, blobs]) chownSync(file, owner, owner);
    const attacker = spawn(process.execPath, ['-e', attack, blobs, canary], { uid: owner, gid: owner });
    const closed = once(attacker, 'close');
    await once(attacker.stdout, 'data');
    const layout = openLayout(path);
    // the attacker may win, so that the blob cannot be written: that harms only its own layout
    await layout
      .writeBlob(Buffer.from('blob'))
      .catch((error: Error) => t.regex(error.message, /layout|blobs/));
    await layout.close();
    attacker.kill();
    await closed;
    t.is(statSync(canary).uid, 0);
  }
  const { path } = createLayout(join(dir, 'calm'));
  rmSync(join(path, 'blobs/sha256'), { recursive: true });
  chownSync(path, owner, owner);
  const layout = openLayout(path);
  await layout.writeBlob(Buffer.from('blob'));
  await layout.close();
  t.is(statSync(join(path, 'blobs/sha256')).uid, owner);
});

/** Puts a symlink in the place of the directory of blobs as soon as there is one. */
const attack = `
  const { renameSync, symlinkSync } = require('node:fs');
  const [blobs, canary] = process.argv.slice(1);
  process.chdir(blobs);
  console.log('ready');
  for (;;) {
    try {
      renameSync('sha256', 'gone');
      symlinkSync(canary, 'sha256');
      break;
    } catch {}
  }
`;

function layoutWithCanary(dir: string): { layout: Layout; outside: string } {
  const outside = join(dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'canary'), '');
  return { layout: createLayout(join(dir, 'layout')), outside };
}
