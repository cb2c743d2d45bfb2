import { lstatSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';
import { isDigest } from '../../image/digest.js';
import type { Layout } from '../../image/layout.js';
import { listDirectory } from '../../image/layout-files.js';
import { sessionPrefix } from '../../image/session.js';
import type { Descriptor } from '../../image/types.js';
import { type Finding, findingOf } from './finding.js';

/** Reads a blob to its end: size and digest. @returns what is wrong, or null */
export async function checkBlob(
  layout: Layout,
  descriptor: Descriptor,
  tag: string | undefined,
): Promise<Finding | null> {
  try {
    for await (const _ of layout.openBlob(descriptor));
    return null;
  } catch (error) {
    return findingOf(error, { digest: descriptor.digest, ...(tag !== undefined && { tag }) });
  }
}

/** Checks the blobs that nothing refers to, and the files that do not belong into a layout. */
export async function* checkRest(layout: Layout, referenced: ReadonlySet<string>): AsyncGenerator<Finding> {
  for (const { digest, path } of layout.blobs()) {
    if (referenced.has(digest)) continue;
    const message = `nothing refers to blob ${digest}; layerhook gc removes it`;
    yield { severity: 'note', code: 'BLOB_UNREFERENCED', message, digest };
    const descriptor = { mediaType: 'application/octet-stream', digest, size: sizeOf(path) };
    const wrong = await checkBlob(layout, descriptor, undefined);
    if (wrong !== null) yield { ...wrong, severity: 'warning' };
  }
  yield* strayFiles(layout);
}

function* strayFiles({ path }: Layout): Generator<Finding> {
  for (const name of listDirectory(path)) {
    if (!name.startsWith(sessionPrefix)) continue;
    const message = `${name} belongs to a program that is writing, or was killed; layerhook gc removes leftovers`;
    yield { severity: 'note', code: 'WRITER_LEFTOVER', message };
  }
  for (const algorithm of listDirectory(`${path}/blobs`)) {
    if (algorithm !== 'sha256' && algorithm !== 'sha512') {
      yield stray(`blobs/${algorithm}`);
      continue;
    }
    for (const name of listDirectory(`${path}/blobs/${algorithm}`))
      if (!isDigest(`${algorithm}:${name}`)) yield stray(`blobs/${algorithm}/${name}`);
  }
}

function stray(name: string): Finding {
  return { severity: 'warning', code: 'FILE_STRAY', message: `${JSON.stringify(name)} is not a blob` };
}

function sizeOf(path: string): number {
  try {
    return lstatSync(path).size;
  } catch (error) {
    throw fsError(error, `reading ${path}`);
  }
}
