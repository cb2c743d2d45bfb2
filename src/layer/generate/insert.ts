import { basename, dirname, resolve } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { ancestors, childOf } from '../../system/paths.js';
import { StatBuffer } from '../../system/stat.js';
import { inTurns } from '../../system/steps.js';
import { tarOf } from '../../tar/writer.js';
import { walkSteps } from '../walk/index.js';
import { type PackOptions, whiteoutEntry, writePlan } from './pack.js';
import { insideRoot } from './paths.js';
import { opaqueName, planLayer, refuseWhiteoutName, requireShort, whiteoutName } from './plan.js';
import { RootfsReader } from './rootfs.js';

export interface InsertOptions extends PackOptions {
  /** path of a file or directory on this host; a symlink is not followed. null: delete `target` */
  source: string | null;
  /** path in the image */
  target: ByteString;
  /** for a directory: hide everything that lower layers have in it. A file replaces the lower one anyway */
  opaque?: boolean | undefined;
}

/**
 * Generates the tar of a layer that puts `source` and everything in it at `target`; umoci-insert(1).
 *
 * It has no entries for directories above `target`, because lower layers describe them.
 *
 * Fails with LayerhookError LAYER_PATH, FILE_CHANGED, ID_UNMAPPED, ABORTED, FILE_NOT_FOUND, SYSTEM.
 */
export async function* generateInsertLayer(options: InsertOptions): AsyncGenerator<Buffer> {
  const target = cleanTarget(options.target);
  if (options.source === null) {
    if (target === '.') throw rootIs('the image itself');
    yield* tarOf((writer) => writer.write(whiteoutEntry(whiteoutName(target))));
    return;
  }
  const source = await openSource(options.source, options.signal);
  try {
    if (target === '.' && !source.isDirectory) throw rootIs('a directory, not a file');
    yield* tarOf((writer) => {
      const plan = planLayer(
        source.paths.map((path) => ({ path, kind: 'add' })),
        (path) => source.reader.lookup(path),
      );
      const whiteouts = options.opaque && source.isDirectory ? [opaqueName(target)] : [];
      for (const path of plan.entries) requireShort(source.nameOf(path, target));
      return writePlan(source.reader, writer, { ...plan, whiteouts }, options, (path) =>
        source.nameOf(path, target),
      );
    });
  } finally {
    source.reader.close();
  }
}

/** The files to insert, as paths below a directory, and their names below a target. */
interface Source {
  reader: RootfsReader;
  isDirectory: boolean;
  paths: ByteString[];
  nameOf(path: ByteString, target: ByteString): ByteString;
}

async function openSource(source: string, signal?: AbortSignal): Promise<Source> {
  const path = resolve(source);
  const name = fromText(basename(path));
  const reader = new RootfsReader(dirname(path));
  const stat = new StatBuffer();
  try {
    if (name !== '' && !reader.stat(name, stat))
      throw new LayerhookError('FILE_NOT_FOUND', { what: `cannot read ${source}` });
  } catch (error) {
    reader.close();
    throw error;
  }
  if (name !== '' && !stat.isDirectory)
    return { reader, isDirectory: false, paths: [name], nameOf: (_, target) => target };
  reader.close();
  return openDirectory(path, signal);
}

async function openDirectory(path: string, signal?: AbortSignal): Promise<Source> {
  const paths: ByteString[] = [];
  await inTurns(
    walkSteps(path, (found) => void paths.push(found)),
    signal,
  );
  return { reader: new RootfsReader(path), isDirectory: true, paths, nameOf: joinTarget };
}

function joinTarget(path: ByteString, target: ByteString): ByteString {
  return path === '.' ? target : childOf(target, path);
}

function cleanTarget(target: ByteString): ByteString {
  const path = insideRoot(target);
  for (const step of [...ancestors(path), path]) refuseWhiteoutName(step);
  return path;
}

function rootIs(reason: string): LayerhookError {
  return new LayerhookError('LAYER_PATH', { path: '/', reason: `it is ${reason}` });
}
