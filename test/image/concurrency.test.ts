import { execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { collectGarbage } from '../../src/image/gc.js';
import { createLayout, openLayout } from '../../src/image/layout.js';
import { withLock } from '../../src/image/lock.js';
import { listTags, removeTag } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { tmpdir } from '../helpers/tmp.js';

const PROCESSES = 8;
const TAGS = 20;

test('eight processes make 20 images each while gc runs: every tag is there, and whole', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  const all = Promise.all(Array.from({ length: PROCESSES }, (_, at) => run(layout.path, `p${at}-`)));
  let running = true;
  const end = all.finally(() => {
    running = false;
  });
  let rounds = 0;
  for (; running; rounds += 1) {
    await collectGarbage(layout);
    await sleep(20);
  }
  t.deepEqual(await end, new Array(PROCESSES).fill(0));
  t.true(rounds > 1, `${rounds} collections`);
  await collectGarbage(layout);
  const tags = listTags(layout);
  t.is(tags.length, PROCESSES * TAGS);
  t.is(new Set(tags).size, PROCESSES * TAGS);
  for (const tag of tags) t.is(resolveReference(layout, tag).config.os, 'linux', tag);
  t.deepEqual(readdirSync(layout.path).sort(), ['blobs', 'index.json', 'oci-layout']);
});

function run(path: string, prefix: string): Promise<number | null> {
  const script = fileURLToPath(new URL('tag-many.js', import.meta.url));
  const child = spawn(process.execPath, [script, path, prefix, String(TAGS)], { stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', resolve));
}

test('an exclusive lock excludes everyone, shared ones only it', async (t) => {
  const path = tmpdir(t);
  const log: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const note = (word: string) => () => void log.push(word);
  const exclusive = withLock(path, 'exclusive', () => held.then(note('exclusive')));
  const waiting = [withLock(path, 'exclusive', note('after')), withLock(path, 'shared', note('after'))];
  await sleep(50);
  t.deepEqual(log, []);
  release();
  await Promise.all([exclusive, ...waiting]);
  t.deepEqual(log, ['exclusive', 'after', 'after']);

  await withLock(path, 'shared', () => withLock(path, 'shared', note('together')));
  t.is(log.at(-1), 'together');
});

test('a lock ends with what held it, also when that fails', async (t) => {
  const path = tmpdir(t);
  await t.throwsAsync(
    withLock(path, 'exclusive', () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  );
  t.is(await withLock(path, 'exclusive', () => 'free'), 'free');
});

test('a signal ends the waiting for a lock', async (t) => {
  const { path } = createLayout(join(tmpdir(t), 'layout'));
  const controller = new AbortController();
  const layout = openLayout(path, { signal: controller.signal });
  await withLock(path, 'exclusive', async () => {
    const waiting = removeTag(layout, 'a');
    setTimeout(() => controller.abort(), 20);
    await t.throwsAsync(waiting, { code: 'ABORTED' });
  });
});

test('a writer that is not closed leaves no directory', (t) => {
  const { path } = createLayout(join(tmpdir(t), 'layout'));
  const module = new URL('../../src/image/layout.js', import.meta.url);
  const script = `import { openLayout } from ${JSON.stringify(module.href)};
    await openLayout(${JSON.stringify(path)}).writeBlob(Buffer.from('x'));`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script]);
  t.is(openLayout(path).blobs().length, 1);
  t.deepEqual(readdirSync(path).sort(), ['blobs', 'index.json', 'oci-layout']);
});
