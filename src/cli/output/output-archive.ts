import { createReadStream, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fsError } from '../../errors/fs-error.js';
import { splitTransport } from '../../image/layout-name.js';
import { parseImageReference } from '../../image/references.js';
import { removeTree } from '../../system/remove.js';
import { descriptorOf } from '../files/output.js';
import { writeOut } from './streams.js';

/** True for a reference such as `oci-archive:/dev/stdout:TAG`: the archive goes to standard output. */
export function isOutputArchive(reference: string): boolean {
  const { transport, file } = splitTransport(parseImageReference(reference).path);
  return transport === 'oci-archive' && descriptorOf(file) === 1;
}

/**
 * Makes an archive in a temporary file, since a layout in a tar is written in several steps, and then writes it to standard
 * output.
 *
 * @param reference for {@link isOutputArchive}
 * @param make makes the archive, by its reference
 * @param signal ends the output
 * @throws LayerhookError NO_SPACE, SYSTEM, ABORTED, and what `make` throws
 */
export async function throughFile<T>(
  reference: string,
  make: (reference: string) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { path } = parseImageReference(reference);
  const directory = temporaryDirectory();
  try {
    const file = join(directory, 'archive');
    const made = await make(`oci-archive:${file}${reference.slice(path.length)}`);
    await writeOut(createReadStream(file), signal);
    return made;
  } finally {
    removeTree(directory);
  }
}

function temporaryDirectory(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'layerhook-'));
  } catch (error) {
    throw fsError(error, `cannot create a directory in ${tmpdir()}`);
  }
}
