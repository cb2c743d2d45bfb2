import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { ContentInfo, Store } from '../../src/store/types.js';
import { fromText } from '../../src/system/bytes.js';
import { mountsBelow } from '../../src/system/mountinfo.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { layer, nothingBelow, storeAt, walkAll } from './helpers.js';
import { type Form, forms } from './images.js';

const child = fileURLToPath(new URL('child.js', import.meta.url));
const wanted = layer('wanted');

for (const form of forms) {
  const testOf = form === 'image' ? rootTest.serial : test.serial;

  testOf(
    `eight processes that want a layer extract it once: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      const root = join(tmpdir(t), 'store');
      const said = await Promise.all(
        Array.from({ length: 8 }, () => output(start(t, 'extract', root, form))),
      );
      t.deepEqual(said.sort(), ['extracted', ...Array(7).fill('waited')]);
      const store = await storeAt(t, root);
      t.is((await store.list()).length, 1);
      t.deepEqual(leftovers(root), []);
    },
  );

  testOf(
    `a process that waits for a layer goes on when its extractor is killed: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      const root = join(tmpdir(t), 'store');
      const killed = start(t, 'hang', root);
      await once(killed.stdout!, 'data');
      const waiting = output(start(t, 'extract', root, form));
      killed.kill('SIGKILL');
      t.is(await waiting, 'extracted');
      const store = await storeAt(t, root);
      t.deepEqual(
        (await walkAll(store)).map(({ name }) => name),
        [store.nameOf(wanted)],
      );
    },
  );

  testOf(
    `processes killed at any moment leave a whole store, and leftovers that cleanup takes: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      t.timeout(120_000);
      const root = join(tmpdir(t), 'store');
      for (let round = 0; round < 6; round++) {
        const processes = [start(t, 'churn', root, form), start(t, 'churn', root, form)];
        await Promise.all(processes.map((of) => once(of.stdout!, 'data')));
        const errors = processes.map((of) => text(of.stderr!));
        await sleep(50 + Math.random() * 300);
        for (const of of processes) of.kill('SIGKILL');
        await Promise.all(processes.map((of) => once(of, 'close')));
        t.deepEqual(await Promise.all(errors), ['', '']);
        const store = await storeAt(t, root);
        await checkWhole(t, store, root);
        await store.close();
        t.deepEqual(mountsBelow(fromText(root)), [], 'no image stays mounted');
      }
    },
  );
}

test.serial('an abort ends the wait for a layer', async (t) => {
  const root = join(tmpdir(t), 'store');
  await once(start(t, 'hang', root).stdout!, 'data');
  const store = await storeAt(t, root);
  const waiting = store.extract(wanted, '', { signal: AbortSignal.timeout(50) });
  await t.throwsAsync(waiting, { code: 'ABORTED' });
});

test.serial('cleanup takes what a dead extractor left, not what a living one writes', async (t) => {
  const root = join(tmpdir(t), 'store');
  const extractor = start(t, 'hang', root);
  await once(extractor.stdout!, 'data');
  const store = await storeAt(t, root, { client: 'another' });
  await store.cleanup();
  const [content] = await store.list();
  t.true(existsSync(content!.directory));
  extractor.kill('SIGKILL');
  await once(extractor, 'close');
  await store.cleanup();
  t.deepEqual(await store.list(), []);
  t.deepEqual(leftovers(root), []);
});

test.serial('cleanup removes foreign files from the directories of the store', async (t) => {
  const root = join(tmpdir(t), 'store');
  const store = await storeAt(t, root);
  await store.prepare('bundle', '');
  mkdirSync(join(root, 'snapshots/new-abc/fs/a'), { recursive: true });
  mkdirSync(join(root, 'snapshots/17/fs'), { recursive: true });
  mkdirSync(join(root, 'removed/17-x/fs'), { recursive: true });
  writeFileSync(join(root, 'snapshots/file'), '');
  symlinkSync('/', join(root, 'snapshots/link'));
  writeFileSync(join(root, 'locks/layer-of the dead'), '');
  await store.cleanup();
  t.deepEqual(readdirSync(join(root, 'snapshots')), ['1']);
  t.deepEqual(leftovers(root), []);
});

test.serial(
  'a process that has a store open twice, and closes one, still keeps others from breaking it',
  async (t) => {
    const root = join(tmpdir(t), 'store');
    const [first, second] = [await storeAt(t, root), await storeAt(t, root, { client: 'second' })];
    await second.prepare('of the second', '');
    await first.close();
    await first.close();
    const processes = [start(t, 'churn', root), start(t, 'churn', root)];
    const errors = processes.map((of) => text(of.stderr!));
    await Promise.all(processes.map((of) => Promise.race([once(of.stdout!, 'data'), once(of, 'close')])));
    for (let at = 0; at < 200; at++) {
      await second.prepare(`key ${at}`, '');
      await sleep(1);
      await second.remove(`key ${at}`);
    }
    for (const of of processes) of.kill('SIGKILL');
    await Promise.all(processes.map((of) => once(of, 'close')));
    t.deepEqual(await Promise.all(errors), ['', '']);
    t.deepEqual(
      (await walkAll(second)).map(({ name }) => name),
      ['of the second'],
    );
    await checkWhole(t, await storeAt(t, root), root, 1);
  },
);

/** Checks that every name has its directory, every committed one all its files, and that nothing else is there. */
async function checkWhole(
  t: ExecutionContext<unknown>,
  store: Store,
  root: string,
  others = 0,
): Promise<void> {
  await store.cleanup();
  const contents = await store.list();
  const names = contents.flatMap((content) => content.names.map(({ name }) => name));
  t.is(names.length, (await walkAll(store)).length + others);
  // mounts the images
  for (const { name, kind } of await walkAll(store)) if (kind === 'committed') await store.directory(name);
  for (const content of contents) checkContent(t, content);
  t.deepEqual(readdirSync(join(root, 'snapshots')).sort(), contents.map(({ id }) => id).sort());
  t.deepEqual(leftovers(root), []);
  for (const { name, kind, parent } of await walkAll(store)) {
    if (kind === 'active') await store.mounts(name);
    if (parent !== '') t.is((await store.stat(parent)).kind, 'committed');
    t.false(name.startsWith('extract '));
  }
  await t.notThrowsAsync(store.find(layer('0'), '', nothingBelow));
}

function checkContent(
  t: ExecutionContext<unknown>,
  { directory, names, id, usage, erofs }: ContentInfo,
): void {
  t.true(names.length > 0, `content ${id} has no name`);
  t.true(existsSync(directory), `content ${id} has no directory`);
  if (names.every(({ kind }) => kind !== 'committed')) return;
  t.is(usage?.inodes, erofs === undefined ? 22 : 2);
  const files = readdirSync(join(directory, 'sub'));
  t.is(files.length, 20);
  for (const file of files) t.is(readFileSync(join(directory, 'sub', file)).length, Number(file));
}

/** What is in the places for what is to go, and of locks. */
function leftovers(root: string): string[] {
  const locks = readdirSync(join(root, 'locks')).filter((name) => name !== 'use' && name !== 'images');
  return [...readdirSync(join(root, 'removed')), ...locks.filter((name) => !name.startsWith('lease-'))];
}

function start(
  t: ExecutionContext<unknown>,
  task: string,
  root: string,
  form: Form = 'directory',
): ChildProcess {
  const of = spawn(process.execPath, [child, task, root, form], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => of.kill('SIGKILL'));
  return of;
}

async function output(of: ChildProcess): Promise<string> {
  const [out, errors] = await Promise.all([text(of.stdout!), text(of.stderr!)]);
  if (errors !== '') throw new Error(errors);
  return out;
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}
