import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { buildImage, type BuildImageOptions } from '../../src/erofs/image.js';
import { tarAt } from '../../src/erofs/format.js';
import type { CheckedEntry } from '../../src/erofs/entry.js';
import { TarReader } from '../../src/layer/tar/index.js';
import { LowerTree } from '../../src/overlay/lower-tree.js';
import { fromText } from '../../src/system/bytes.js';
import { mountOverlay, unmount } from '../../src/system/mount.js';
import { mountErofs } from '../../src/system/mount-erofs.js';
import { lexicalPath, baseName, parentOf } from '../../src/system/paths.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { type Tree, treeOf } from '../helpers/tree.js';

export function entriesOf(bytes: Buffer): CheckedEntry[] {
  let given: Buffer | null = bytes;
  const reader = new TarReader({ read: () => { const b = given; given = null; return b; } });
  const out: CheckedEntry[] = [];
  for (let entry = reader.next(); entry; entry = reader.next()) {
    const path = lexicalPath(entry.name) || '.';
    const base = baseName(path);
    const c = { ...entry, path, offset: reader.position, stored: entry.size, sparse: null, linkname: entry.type === 'hardlink' ? lexicalPath(entry.linkname) : entry.linkname } as CheckedEntry;
    if (base === '.wh..wh..opq') out.push({ ...c, path: parentOf(path), type: 'opaque' });
    else if (base.startsWith('.wh.')) out.push({ ...c, path: parentOf(path) === '.' ? base.slice(4) : `${parentOf(path)}/${base.slice(4)}`, type: 'whiteout' });
    else out.push(c);
  }
  return out;
}

export async function images(t: ExecutionContext<unknown>, layers: (RawEntry[] | Buffer)[], options: Partial<BuildImageOptions> = {}) {
  const root = tmpdir(t);
  const mounts: string[] = [];
  const warnings: string[] = [];
  const files: string[] = [];
  const dependencies = [];
  t.teardown(() => { for (const m of mounts.toReversed()) unmount(fromText(m), { detach: true }); });
  for (const [at, layer] of layers.entries()) {
    const bytes = Buffer.isBuffer(layer) ? layer : tar(layer);
    const file = join(root, `${at}.erofs`);
    files.unshift(file);
    writeFileSync(file, Buffer.concat([Buffer.alloc(tarAt), bytes]));
    const lower = LowerTree.open(mounts, 'trusted');
    dependencies.push(await buildImage({
      file, entries: entriesOf(bytes), lower, digest: 'sha256:0', keepDirlinks: false,
      map: { uidMappings: [], gidMappings: [], rootless: false }, warn: (m) => warnings.push(m), ...options,
    }));
    const place = join(root, `${at}`);
    mkdirSync(place);
    mountErofs(fromText(file), fromText(place));
    mounts.unshift(place);
  }
  return {
    files, mounts, warnings, dependencies,
    tree(): Tree {
      const place = join(root, 'all');
      mkdirSync(place);
      const empty = join(root, 'empty');
      mkdirSync(empty);
      mountOverlay({ lowerdirs: [...mounts, empty].map(fromText), flags: 1 }, fromText(place));
      try { return treeOf(place); } finally { unmount(fromText(place), { detach: true }); }
    },
    async [Symbol.asyncDispose]() { for (const m of mounts.splice(0)) unmount(fromText(m), { detach: true }); },
  };
}
