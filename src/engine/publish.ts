import { existsSync, mkdtempSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { privatePrefix } from './private-place.js';

/** Names that make a directory a bundle. */
const bundleNames = ['rootfs', 'config.json', 'umoci.json'] as const;

/** @throws LayerhookError BUNDLE_EXISTS if `path` has anything of a bundle */
export function refuseBundle(path: string): void {
  for (const name of bundleNames)
    if (existsSync(join(path, name))) throw new LayerhookError('BUNDLE_EXISTS', { path, what: name });
}

/**
 * Gives the directory `path` the name `final`, where nothing or an empty directory is: rename(2) never overwrites a bundle
 * that appeared meanwhile. What is mounted below moves along.
 */
export function publishAs(path: string, final: string): void {
  try {
    renameSync(path, final);
  } catch (error) {
    throw new LayerhookError('BUNDLE_EXISTS', { path: final, what: 'bundle made meanwhile' }, error);
  }
}

/** Moves all that is in `path`, a directory inside `final`, up into `final`; umoci.json last, for it says that all is there. */
export async function moveUp(path: string, final: string): Promise<void> {
  refuseBundle(final);
  try {
    await moveRootfs(join(path, 'rootfs'), join(final, 'rootfs'));
  } catch (error) {
    if (!isLayerhookError(error, 'MOUNT_FAILED')) throw error;
    if (isAlone(path, final)) return replace(path, final);
    const { reason = '' } = error.details;
    const expected = 'name a bundle directory that is new or empty: mounts are moved by root only';
    const details = { what: 'rootfs', path: join(final, 'rootfs'), reason, expected };
    throw new LayerhookError('MOUNT_FAILED', details, error);
  }
  const last: string[] = ['config.json', 'umoci.json'];
  const names = [...readdirSync(path).filter((name) => !last.includes(name)), ...last];
  for (const name of names) if (existsSync(join(path, name))) renameSync(join(path, name), join(final, name));
  rmdirSync(path);
}

function isAlone(path: string, directory: string): boolean {
  return readdirSync(directory).every((name) => join(directory, name) === path);
}

async function moveRootfs(from: string, to: string): Promise<void> {
  try {
    renameSync(from, to);
  } catch (error) {
    // a mount point
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    const { moveMount } = await import('../system/mount.js');
    const { fromText } = await import('../system/bytes.js');
    const aside = mkdtempSync(`${from}-`);
    try {
      moveMount(fromText(from), fromText(aside));
    } catch (refusal) {
      rmdirSync(aside);
      throw refusal;
    }
    renameSync(from, to);
    moveMount(fromText(aside), fromText(to));
    rmdirSync(aside);
  }
}

/** Where mounts may not be moved (FUSE without root): `path` takes the place of `final`, in which it is alone. */
function replace(path: string, final: string): void {
  const beside = mkdtempSync(join(dirname(final), privatePrefix(final)));
  renameSync(path, beside);
  try {
    publishAs(beside, final);
  } catch (error) {
    renameSync(beside, path);
    throw error;
  }
}
