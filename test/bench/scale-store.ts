import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chainIDOn } from '../../src/image/chain.js';
import type { Digest } from '../../src/image/types.js';
import { openStore } from '../../src/store/index.js';
import type { Store } from '../../src/store/types.js';

/** number of layers of an image */
const depth = 10;

/** Makes a store of images of 10 layers with one file each, and bundles on top of some of them. */
export async function fillStore(root: string, layers: number, bundles: number, dir: string): Promise<void> {
  await using store = await openStore({ root });
  const tops: string[] = [];
  for (let image = 0; image < layers / depth; image++) tops.push(await addImage(store, image));
  for (let at = 0; at < bundles; at++)
    await addBundle(store, tops[at % tops.length]!, join(dir, `bundle${at}`));
}

async function addImage(store: Store, image: number): Promise<string> {
  let parent: { name: string; chainID: Digest | undefined } = { name: '', chainID: undefined };
  for (let at = 0; at < depth; at++) {
    const diffID: Digest = `sha256:${createHash('sha256').update(`${image} ${at}`).digest('hex')}`;
    const chainID = parent.chainID === undefined ? diffID : chainIDOn(parent.chainID, diffID);
    const layer = { diffID, chainID, map: '' };
    const extraction = await store.extract(layer, parent.name, { signal: new AbortController().signal });
    writeFileSync(join(extraction!.target, `file${at}`), `${image}`);
    await extraction!.commit({ parent: parent.name, dependencies: [] });
    parent = { name: store.nameOf(layer), chainID };
  }
  return parent.name;
}

async function addBundle(store: Store, parent: string, bundle: string): Promise<void> {
  const rootfs = join(bundle, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  const manifestDescriptor = { digest: `sha256:${'0'.repeat(64)}` };
  const source = { bundle, rootfs, layout: '/nonexistent', reference: 'latest', manifestDescriptor };
  await store.bundles.prepare(`bundle ${bundle}`, parent, 'overlay', source);
}
