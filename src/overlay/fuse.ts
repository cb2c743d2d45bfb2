import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes, toText } from '../system/bytes.js';
import { escapeOverlayPath, type OverlayDirs } from '../system/overlay-options.js';
import { findProgram, searchPath } from '../system/programs.js';

/**
 * Mounts an overlay with fuse-overlayfs, which needs no privileges. A process serves the mount until it is unmounted;
 * fuse-overlayfs(1).
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
      'see podman unshare or dmesg for the cause, or use the copy driver',
      error,
    );
  }
}

/**
 * Unmounts a FUSE mount of this user; fusermount3(1).
 *
 * @throws LayerhookError UNMOUNT_FAILED
 */
export async function unmountFuse(target: ByteString, { detach = false } = {}): Promise<void> {
  const path = showBytes(target);
  const program = findProgram('fusermount3') ?? 'fusermount3';
  try {
    await run(program, ['-u', ...(detach ? ['-z'] : []), textOf(target, target)]);
  } catch (error) {
    const expected = `end the processes that use it (fuser -vm ${path} lists them)`;
    throw new LayerhookError('UNMOUNT_FAILED', { path, reason: lastLine(error), expected }, error);
  }
}

function optionsOf({ lowerdirs, upperdir, workdir }: OverlayDirs, target: ByteString): string {
  for (const path of lowerdirs) {
    if (path.includes(':'))
      throw failed(
        target,
        `fuse-overlayfs does not accept ":" in ${showBytes(path)}`,
        'name a store without it',
      );
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

/** Returns a path as text, as arguments of a program must be. */
function textOf(path: ByteString, target: ByteString): string {
  const text = toText(path);
  if (text === undefined) throw failed(target, `${showBytes(path)} is not UTF-8`, 'name a path in UTF-8');
  return text;
}

/** Runs a program with PATH set, since fuse-overlayfs searches it for fusermount3. */
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
