/**
 * A process that works on a store together with many others, until SIGTERM: `node worker.js STORE IMAGE BUNDLE NUMBER`. It prints a
 * {@link Ledger}, and fails if something of its own is lost or changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeBundle, unpack } from '../../src/index.js';
import type { Store } from '../../src/store/types.js';
import { openStore } from '../../src/store.js';
import { layer, signal } from '../store/helpers.js';

/** What a worker has done, and what must still be there after it. */
export interface Ledger {
  operations: number;
  /** names of committed snapshots, each with a file that contains the name */
  names: string[];
}

const [root, image, bundle, number] = process.argv.slice(2) as [string, string, string, string];
const ledger: Ledger = { operations: 0, names: [] };
let isEnding = false;
process.once('SIGTERM', () => {
  isEnding = true;
});

const store = await openStore({ root, client: `worker-${number}` });
try {
  for (let round = 0; !isEnding; round++) {
    await extractShared(store, round);
    await commitOwn(store, round);
    if (round % 4 === Number(number) % 4) await unpackOwn();
    if (round % 7 === 3) await store.cleanup();
  }
  for (const name of ledger.names) await check(store, name);
} finally {
  await store.close();
}
console.log(JSON.stringify(ledger));

/** Wants one of a few layers, as all workers do; sometimes removes it. */
async function extractShared(on: Store, round: number): Promise<void> {
  const wanted = layer(`shared ${(round + Number(number)) % 5}`);
  const extraction = await on.extract(wanted, '', { signal });
  if (extraction !== null) {
    writeFileSync(join(extraction.target, 'file'), wanted.diffID);
    await extraction.commit({ parent: '', dependencies: [] });
  }
  const key = `on shared ${round}`;
  await on.prepare(key, on.nameOf(wanted));
  const [, directory] = await on.lowerdirs(key);
  if (readFileSync(join(directory!, 'file'), 'utf8') !== wanted.diffID)
    throw new Error(`${directory} has other content`);
  await on.remove(key);
  if (round % 5 === 4) await on.remove(on.nameOf(wanted));
  ledger.operations += 5;
}

/** Commits a snapshot of its own; keeps the last few. */
async function commitOwn(on: Store, round: number): Promise<void> {
  const name = `own ${number} ${round}`;
  const parent = ledger.names.at(-1) ?? '';
  const isChild = parent !== '' && round % 3 !== 0;
  await on.prepare(`key ${name}`, isChild ? parent : '');
  writeFileSync(join(await on.directory(`key ${name}`), 'file'), name);
  await on.commit(name, `key ${name}`);
  ledger.names.push(name);
  ledger.operations += 3;
  // from the newest on, since a parent cannot be removed before its children
  if (ledger.names.length < 9) return;
  for (const old of ledger.names.splice(2).reverse()) {
    await check(on, old);
    await on.remove(old);
    ledger.operations += 2;
  }
}

async function check(on: Store, name: string): Promise<void> {
  const content = readFileSync(join(await on.directory(name), 'file'), 'utf8');
  if (content !== name) throw new Error(`${name} has the content ${content}`);
}

/** Unpacks a bundle of an image that all workers unpack, and removes it. */
async function unpackOwn(): Promise<void> {
  const at = `${bundle}${number}`;
  await unpack({ image, bundle: at, driver: 'overlay', store: root, hooksFile: null });
  if (readFileSync(join(at, 'rootfs/e/new'), 'utf8') !== 'new') throw new Error(`${at} is not whole`);
  await removeBundle({ bundle: at, store: root, hooksFile: null });
  ledger.operations += 2;
}
