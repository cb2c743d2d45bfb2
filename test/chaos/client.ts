import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount, Snapshotter } from '../../src/store/types.js';
import { connectSnapshotter } from '../../src/store.js';
import type { Ledger } from './worker.js';

/** A client of a served store that does what containerd does for images and containers, until it is aborted or has done all rounds. */
export async function workAsClient(
  address: string,
  number: number,
  signal: AbortSignal,
  rounds = Number.POSITIVE_INFINITY,
): Promise<Ledger> {
  const client = connectSnapshotter(address);
  const ledger: Ledger = { operations: 0, names: [] };
  try {
    for (let round = 0; round < rounds && !signal.aborted; round++)
      await useOnce(client, `client ${number} ${round}`, ledger);
  } finally {
    await client.close();
  }
  return ledger;
}

async function useOnce(client: Snapshotter, name: string, ledger: Ledger): Promise<void> {
  const [mount] = await client.prepare(`key ${name}`, '', { labels: { 'containerd.io/gc.root': 'yes' } });
  writeFileSync(join(directoryOf(mount!), 'file'), name);
  await client.commit(name, `key ${name}`);
  const [, lower] = directories(await client.prepare(`container ${name}`, name));
  if (readFileSync(join(lower!, 'file'), 'utf8') !== name) throw new Error(`${name} has other content`);
  await client.usage(name);
  const found: string[] = [];
  for await (const info of client.walk([`name=="${name}"`])) found.push(info.name);
  if (found.join() !== name) throw new Error(`a walk finds ${found.join()} for ${name}`);
  await client.remove(`container ${name}`);
  ledger.names.push(name);
  ledger.operations += 6;
  if (ledger.names.length > 3) {
    await client.remove(ledger.names.shift()!);
    ledger.operations += 1;
  }
}

function directoryOf(mount: Mount): string {
  return mount.type === 'overlay' ? directories([mount])[0]! : mount.source;
}

/** The upperdir of an overlay, then its lowerdirs. */
function directories([mount]: Mount[]): string[] {
  const value = (name: string) =>
    mount!.options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  return [value('upperdir') ?? mount!.source, ...(value('lowerdir') ?? '').split(':')];
}
