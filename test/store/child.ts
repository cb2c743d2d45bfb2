/** A process of its own that uses a store: `node child.js TASK ROOT FORM`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStoreAt } from '../../src/store/open.js';
import type { LayerExtraction, LayerIdentity, Store } from '../../src/store/types.js';
import { dir, file } from '../../src/testing/entries.js';
import { layer, signal } from './helpers.js';
import { commitImage, type Form } from './images.js';

const FILES = 20;

/** Fills a directory in a way that shows whether it is whole. */
export function fill(directory: string): void {
  mkdirSync(join(directory, 'sub'));
  for (let at = 0; at < FILES; at++) writeFileSync(join(directory, 'sub', String(at)), 'x'.repeat(at));
}

/** Commits a layer with the files of {@link fill}. */
async function commitFilled(extraction: LayerExtraction): Promise<void> {
  const options = { parent: '', dependencies: [] };
  if (form === 'image') {
    const files = Array.from({ length: FILES }, (_, at) => file(`sub/${at}`, 'x'.repeat(at)));
    return commitImage(extraction, [dir('sub'), ...files], options);
  }
  fill(extraction.target);
  return extraction.commit(options);
}

/** Extracts a layer, or waits until another process has extracted it. Returns "extracted" or "waited". */
async function extract(store: Store): Promise<string> {
  const extraction = await store.extract(layer('wanted'), '', { signal });
  if (extraction === null) return 'waited';
  await sleep(200);
  await commitFilled(extraction);
  return 'extracted';
}

/** Extracts a layer and never ends. */
async function hang(store: Store): Promise<string> {
  await store.extract(layer('wanted'), '', { signal });
  process.stdout.write('extracting\n');
  await sleep(600_000);
  return '';
}

/** Does all that a store can, at random, until it is killed. */
async function churn(store: Store): Promise<string> {
  process.stdout.write('started\n');
  for (;;) {
    const of = randomLayer();
    const name = store.nameOf(of);
    await attempt(async () => {
      const extraction = await store.extract(of, '', { signal });
      if (extraction === null) return;
      if (Math.random() < 0.2) await extraction.discard();
      else await commitFilled(extraction);
    });
    const key = `${process.pid}-${Math.random()}`;
    if (Math.random() < 0.5) await attempt(() => provide(store, `provided ${key}`, randomLayer()));
    await attempt(() => store.prepare(key, name));
    await attempt(async () => fill(await store.directory(key)));
    if (Math.random() < 0.3) await attempt(() => store.commit(`commit ${key}`, key, image));
    else if (Math.random() < 0.7) await attempt(() => store.remove(key));
    if (Math.random() < 0.2) await attempt(() => store.remove(name));
    if (Math.random() < 0.1) await attempt(() => store.gc({ keepBytes: 100_000 }));
    if (Math.random() < 0.1) await attempt(() => store.cleanup());
  }
}

/** Puts a layer there as a hook does, which fails at times. */
function provide(store: Store, name: string, of: LayerIdentity): Promise<boolean> {
  return store.provide(name, of, '', {
    signal,
    async fill(filling) {
      fill(await filling.fresh());
      if (Math.random() < 0.2) fill(await filling.fresh());
      return Math.random() < 0.8;
    },
  });
}

function randomLayer(): LayerIdentity {
  return layer(String(Math.floor(Math.random() * 4)));
}

/** What may fail because another process was quicker. */
const EXPECTED = ['SNAPSHOT_NOT_FOUND', 'SNAPSHOT_EXISTS', 'SNAPSHOT_PRECONDITION'];

async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!EXPECTED.includes((error as { code?: string }).code ?? '')) throw error;
  }
}

const tasks: Readonly<Record<string, (store: Store) => Promise<string>>> = { extract, hang, churn };

const [task, root, chosen = 'directory'] = process.argv.slice(2);
const form = chosen as Form;
/** in commits of active snapshots, as the snapshotter makes them */
const image = form === 'image' ? { image: { verity: true } } : {};
if (task !== undefined && root !== undefined) {
  const store = await openStoreAt({ root }, 'boot 1');
  const said = await tasks[task]!(store);
  await store.close();
  process.stdout.write(said);
}
