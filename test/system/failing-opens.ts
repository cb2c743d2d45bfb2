/** Opens files in many ways, for the test beside it, and prints what became of each as JSON. */
import { mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inLayout } from '../../src/engine/archive/in-layout.js';
import { lockBundle } from '../../src/engine/bundle/private-place.js';
import { openBlobFile } from '../../src/image/blob.js';
import { openTar } from '../../src/image/storage/tar-members.js';
import { RootfsReader } from '../../src/layer/generate/rootfs.js';
import { BlobFile } from '../../src/layer/stream/blob-file.js';
import type { PoststopContext } from '../../src/points/points.js';
import { openTrustedDirectory } from '../../src/system/index.js';
import { StatBuffer } from '../../src/system/stat.js';

export interface Outcome {
  name: string;
  /** '' for success */
  error: string;
  /** true if a descriptor of the file is still open */
  isOpen: boolean;
}

const digest = `sha256:${'a'.repeat(64)}` as const;
const blob = (path: string) => ({ path, size: 0, digest, diffID: digest, mediaType: '' });
const context = { containerPaths: [], upperdir: '/', signal: new AbortController().signal };

/** By the name of the file that each opens. */
const openings: Record<string, (path: string) => unknown> = {
  blob: (path) => openBlobFile({ path }, blob(path), 'layout'),
  archive: (path) => openTar(path, path),
  layer: (path) => new BlobFile(blob(path)),
  changed: (path) => new RootfsReader(dirname(path)).openFile('changed', new StatBuffer()),
  'oci-layout': (path) => inLayout(dirname(path), context as unknown as PoststopContext, async () => {}),
  'trusted/': (path) => openTrustedDirectory(path),
  'bundle/': (path) => lockBundle(path),
};

export const names = Object.keys(openings);

async function tryAll(place: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, open] of Object.entries(openings)) {
    const path = join(place, name).replace(/\/$/, '');
    if (name.endsWith('/')) mkdirSync(path);
    else writeFileSync(path, '');
    const error = await Promise.resolve(path)
      .then(open)
      .then(() => '', String);
    outcomes.push({ name, error, isOpen: isOpen(path) });
  }
  return outcomes;
}

function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // the descriptor of the listing
      return false;
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  console.log(JSON.stringify(await tryAll(process.argv[2]!)));
