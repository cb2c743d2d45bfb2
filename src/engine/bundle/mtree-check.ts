import { createHash } from 'node:crypto';
import type { Delta, Manifest } from 'mtree-ts';
import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { readContent } from '../../layer/generate/content.js';
import { RootfsReader } from '../../layer/generate/rootfs.js';
import { mtreeAccess } from '../../layer/mtree-access.js';
import { mtreeValues } from '../../layer/mtree-values.js';
import type { ByteString } from '../../system/bytes.js';
import { close } from '../../system/files.js';
import { readRegularFile } from '../../system/regular-file.js';
import { StatBuffer } from '../../system/stat.js';
import { inTurns, type Steps } from '../../system/steps.js';

/** Compares single files of a rootfs with the mtree manifest of a bundle, as umoci would. */
export interface MtreeCheck {
  /**
   * Returns the files that differ from the mtree in umoci's keywords, which include content and extended attributes.
   *
   * @param paths relative to the rootfs
   * @throws LayerhookError ABORTED, FILE_CHANGED, SYSTEM
   */
  changed(paths: readonly ByteString[], signal?: AbortSignal): Promise<ByteString[]>;
  close(): void;
}

/**
 * Reads a bundle's mtree to look up files in it.
 *
 * @param mtreeFile path of the mtree
 * @throws LayerhookError MTREE_INVALID, SYSTEM
 */
export async function openMtreeCheck(rootfs: string, mtreeFile: string): Promise<MtreeCheck> {
  const { compare, Entry, Manifest, toKeywords, umociKeywords } = await import('mtree-ts');
  const mtree = await readMtree(mtreeFile);
  const reader = new RootfsReader(rootfs);
  const stat = new StatBuffer();
  return {
    changed: (paths, signal) => guardMtree(mtreeFile, () => inTurns(changed(paths), signal)),
    close: () => reader.close(),
  };

  function* changed(paths: readonly ByteString[]): Steps<ByteString[]> {
    const found: ByteString[] = [];
    for (const path of paths) {
      if (!(yield* isUnchanged(path))) found.push(path);
      yield;
    }
    return found;
  }

  function* isUnchanged(path: ByteString): Steps<boolean> {
    const old = mtree.get(path);
    if (old === undefined || !reader.stat(path, stat)) return false;
    const values = mtreeValues({
      stat,
      xattrs: reader.xattrs(path),
      ...(yield* contentOf(reader, path, stat)),
    });
    const now = new Entry(path, 0, '', toKeywords(values, umociKeywords));
    return (
      compare(new Manifest([old]), new Manifest([now]), { keywords: umociKeywords, strict: true }).length ===
      0
    );
  }
}

/** Reads an mtree of a whole tree, with its root. @throws LayerhookError MTREE_INVALID, SYSTEM */
export async function readMtree(file: string): Promise<Manifest> {
  const { parse } = await import('mtree-ts');
  const bytes = readMtreeBytes(file);
  // a bundle of any size can be repacked, and a small mtree cannot describe a huge one
  const maxBytes = Math.max(2 * bytes.length, 256 * 2 ** 20);
  const mtree = await guardMtree(file, () => parse(bytes, { maxBytes }));
  if (mtree.get('.') !== undefined) return mtree;
  throw new LayerhookError('MTREE_INVALID', {
    file,
    line: 1,
    reason: 'its entry for the root directory is missing',
  });
}

/**
 * Compares a rootfs with its mtree by umoci's keywords, and reads every file for that.
 *
 * @throws LayerhookError ABORTED, MTREE_INVALID, SYSTEM
 */
export async function checkMtree(rootfs: string, mtreeFile: string, signal?: AbortSignal): Promise<Delta[]> {
  const { checkSteps, umociKeywords } = await import('mtree-ts');
  const mtree = await readMtree(mtreeFile);
  const options = { keywords: umociKeywords, strict: true, ...mtreeAccess };
  return guardMtree(mtreeFile, () => inTurns(checkSteps(rootfs, mtree, options), signal));
}

/** An mtree of a million files has 300 MB. */
const maxFileBytes = 2 ** 31;

function readMtreeBytes(file: string): Buffer {
  const bytes = readRegularFile(file, { maxBytes: maxFileBytes });
  if (bytes !== undefined) return bytes;
  const expected = 'unpack the image again into a new bundle';
  throw new LayerhookError('SYSTEM', { what: `cannot read ${file}`, reason: 'it does not exist', expected });
}

/** Runs code that uses an mtree: entries are parsed when first looked at, so any use may find it malformed. */
export async function guardMtree<T>(file: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (error instanceof LayerhookError) throw error;
    const { name, message } = error as NodeJS.ErrnoException;
    if (name === 'MtreeError') {
      const { line = 0 } = error as { line?: number };
      throw new LayerhookError(
        'MTREE_INVALID',
        { file, line, reason: message.replace(/^line \d+: /, '') },
        error,
      );
    }
    const expected = 'check that it exists and may be read';
    throw new LayerhookError(
      'SYSTEM',
      { what: `cannot read ${file}`, reason: systemWords(error), expected },
      error,
    );
  }
}

function* contentOf(
  reader: RootfsReader,
  path: ByteString,
  stat: StatBuffer,
): Steps<{ link?: ByteString; sha256?: string }> {
  if (stat.isSymlink) return { link: reader.readlink(path) };
  if (!stat.isFile) return {};
  const fd = reader.openFile(path, stat);
  try {
    const hash = createHash('sha256');
    for (const chunk of readContent(fd, path, stat)) {
      hash.update(chunk);
      yield;
    }
    return { sha256: hash.digest('hex') };
  } finally {
    close(fd);
  }
}
