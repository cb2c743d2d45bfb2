import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes, toText } from '../system/bytes.js';
import { escapeOverlayPath, type OverlayDirs } from '../system/overlay-options.js';
import { findProgram, searchPath } from '../system/programs.js';

/**
 * Mounts an overlay with fuse-overlayfs, which also users may do who may not mount. It is served by a process that lives as
 * long as the mount; fuse-overlayfs(1).
 *
 * @param program path of fuse-overlayfs
 * @throws LayerhookError MOUNT_FAILED
 */
export async function mountFuse(program: string, dirs: OverlayDirs, target: ByteString): Promise<void> {
  const words = optionsOf(dirs, target);
  try {
    await run(program, ['-o', words, textOf(target, target)]);
  } catch (error) {
    throw failed(
      target,
      lastLine(error),
      'podman unshare or dmesg may tell more; or use the copy driver',
      error,
    );
  }
}

/**
 * Takes a FUSE mount of this user away; fusermount3(1).
 *
 * @throws LayerhookError UNMOUNT_FAILED
 */
export async function unmountFuse(target: ByteString, { detach = false } = {}): Promise<void> {
  const path = showBytes(target);
  const program = findProgram('fusermount3') ?? 'fusermount3';
  try {
    await run(program, ['-u', ...(detach ? ['-z'] : []), textOf(target, target)]);
  } catch (error) {
    const expected = `end what uses it (fuser -vm ${path} shows it)`;
    throw new LayerhookError('UNMOUNT_FAILED', { path, reason: lastLine(error), expected }, error);
  }
}

function optionsOf({ lowerdirs, upperdir, workdir }: OverlayDirs, target: ByteString): string {
  for (const path of lowerdirs) {
    if (path.includes(':'))
      throw failed(target, `fuse-overlayfs cannot have ":" in ${showBytes(path)}`, 'name a store without it');
  }
  const option = (name: string, path: ByteString | undefined) =>
    path === undefined ? [] : [`${name}=${textOf(escapeOverlayPath(path), target)}`];
  const lower = lowerdirs.map(escapeOverlayPath).join(':');
  return [
    ...option('workdir', workdir),
    ...option('upperdir', upperdir),
    `lowerdir=${textOf(lower, target)}`,
  ].join(',');
}

/** What a program gets must be text. */
function textOf(path: ByteString, target: ByteString): string {
  const text = toText(path);
  if (text === undefined) throw failed(target, `${showBytes(path)} is not UTF-8`, 'name a path that is');
  return text;
}

/** fuse-overlayfs finds fusermount3 by PATH. */
async function run(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, { env: { PATH: searchPath(), LANG: 'C.UTF-8' } });
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return stderr?.trim().split('\n').at(-1) || message;
}

function failed(target: ByteString, reason: string, expected: string, cause?: unknown): LayerhookError {
  const path = showBytes(target);
  return new LayerhookError('MOUNT_FAILED', { what: 'an overlay (FUSE)', path, reason, expected }, cause);
}
