import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import type { Layout } from './layout.js';
import { listDirectory } from './layout-files.js';
import { cleanSession, SESSION_PREFIX } from './lock.js';
import { MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, ociMediaType } from './media-types.js';
import { readIndexBlob, readManifest } from './read.js';
import type { Descriptor, Digest } from './types.js';

/** What a garbage collection did. */
export interface GarbageResult {
  removed: Digest[];
  /** bytes of the removed blobs */
  bytes: number;
  /** blobs that nothing leads to, kept because a writer at work may have written them */
  spared: Digest[];
}

/**
 * Removes every blob that index.json does not lead to, and what writers that died left behind. Only manifests and
 * indexes are read; a blob of another media type is a leaf. If one of them is missing or corrupt, nothing is
 * removed; only a `subject` may be missing, as the image-spec has it.
 *
 * It is safe beside writers: index.json does not change and no blob is published meanwhile (they wait for our lock),
 * and while a writer's session (see lock.ts; umoci's are told as well) is open, blobs made since it began are
 * spared: they may be on the way to a tag. umoci's writers, which know no lock, may lose a blob that was garbage
 * before they wrote it again during this very call.
 *
 * @throws LayerhookError LAYOUT_INVALID, IMAGE_INVALID, BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, BLOB_MEDIA_TYPE,
 *   DIGEST_INVALID, LIMIT_EXCEEDED, ABORTED, SYSTEM
 */
export function collectGarbage(layout: Layout): Promise<GarbageResult> {
  return layout.lock('exclusive', async () => {
    if (lstatSync(join(layout.path, 'blobs')).isSymbolicLink()) {
      const reason = 'its blobs directory is a symlink, so that the blobs may be those of other layouts too';
      throw new LayerhookError('LAYOUT_INVALID', { path: layout.path, reason });
    }
    const reachable = findReachable(layout);
    const since = await firstLivingSession(layout);
    return sweep(layout, reachable, since);
  });
}

/** The digests that index.json leads to, missing blobs included. */
function findReachable(layout: Layout): Set<string> {
  const reachable = new Set<string>();
  const seen = new Set<string>();
  const todo = [...layout.readIndex().manifests];
  for (let descriptor = todo.pop(); descriptor; descriptor = todo.pop()) {
    const key = `${descriptor.mediaType} ${descriptor.digest}`;
    if (seen.has(key)) continue;
    seen.add(key);
    reachable.add(descriptor.digest);
    todo.push(...children(layout, descriptor));
  }
  return reachable;
}

function children(layout: Layout, descriptor: Descriptor): Descriptor[] {
  switch (ociMediaType(descriptor.mediaType)) {
    case MEDIA_TYPE_INDEX: {
      const { manifests, subject } = readIndexBlob(layout, descriptor);
      return [...manifests, ...present(layout, subject)];
    }
    case MEDIA_TYPE_MANIFEST: {
      const { config, layers, subject } = readManifest(layout, descriptor);
      return [config, ...layers, ...present(layout, subject)];
    }
    default:
      return [];
  }
}

function present(layout: Layout, subject: Descriptor | undefined | null): Descriptor[] {
  return subject && layout.hasBlob(subject.digest) ? [subject] : [];
}

/** Removes the sessions of dead writers. Gives the birth (ns since the epoch) of the oldest that lives. */
async function firstLivingSession(layout: Layout): Promise<bigint | undefined> {
  let first: bigint | undefined;
  for (const name of listDirectory(layout.path)) {
    if (!name.startsWith(SESSION_PREFIX)) continue;
    const path = join(layout.path, name);
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat?.isDirectory() || !(await cleanSession(path))) continue;
    if (first === undefined || stat.birthtimeNs < first) first = stat.birthtimeNs;
  }
  return first;
}

function sweep(layout: Layout, reachable: Set<string>, since: bigint | undefined): GarbageResult {
  const result: GarbageResult = { removed: [], bytes: 0, spared: [] };
  for (const { digest, path } of layout.blobs()) {
    if (reachable.has(digest)) continue;
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) continue;
    if (since !== undefined && stat.ctimeNs >= since) {
      result.spared.push(digest);
      continue;
    }
    removeFile(path);
    result.removed.push(digest);
    result.bytes += Number(stat.size);
  }
  return result;
}

function removeFile(path: string): void {
  try {
    rmSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fsError(error, `removing ${path}`);
  }
}
