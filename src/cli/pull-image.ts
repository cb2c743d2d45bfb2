import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { dataDirectory } from '../config/store.js';
import { reasonOf } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { withLock } from '../image/lock.js';
import { parsePlatform } from '../image/platform.js';
import { foreignImage, registryImage } from '../image/transports.js';
import { makeDirectory } from '../system/make-directory.js';
import { findProgram } from '../system/programs.js';

/**
 * Copies an image from elsewhere into the user's own layout with skopeo, whose progress appears on stderr.
 *
 * @param source an image as skopeo names it, such as `docker://debian:12`; a bare name is one of a registry
 * @param options.platform `OS/ARCH[/VARIANT]`: which image of an index; default: the one of this machine
 * @returns the image in the layout, as --image takes it
 * @throws LayerhookError PULL_FAILED, REFERENCE_INVALID, PLATFORM_INVALID, SYSTEM, ABORTED
 */
export async function pullImage(
  source: string,
  { platform, signal }: { platform?: string | undefined; signal: AbortSignal },
): Promise<string> {
  const image = foreignImage(source) ?? registryImage(source);
  if (image === undefined) {
    const reason = 'it names no image that skopeo can copy';
    throw new LayerhookError('REFERENCE_INVALID', { value: source, reason });
  }
  const skopeo = findProgram('skopeo');
  if (skopeo === undefined)
    throw failed(source, 'skopeo is not installed', 'install it, for example with: apt install skopeo');
  const layout = join(dataDirectory(process.env), 'layerhook/images');
  makeDirectory(layout, 0o700);
  const target = `${layout}:${image.tag}`;
  const args = ['copy', ...platformArguments(platform), image.source, `oci:${target}`];
  // skopeo takes no lock itself: two processes would overwrite each other's index.json
  await withLock(layout, 'exclusive', () => run(skopeo, args, source, signal), signal);
  return target;
}

function platformArguments(platform: string | undefined): string[] {
  if (platform === undefined) return [];
  const { os, architecture, variant } = parsePlatform(platform);
  const options = [`--override-os=${os}`, `--override-arch=${architecture}`];
  return variant === undefined ? options : [...options, `--override-variant=${variant}`];
}

function run(skopeo: string, args: readonly string[], source: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // stdout belongs to the command's own output
    const child = spawn(skopeo, args, { stdio: ['ignore', 2, 'inherit'], signal });
    let stopped: LayerhookError | undefined;
    child.on('error', (error) => {
      // the lock must be held until skopeo has ended
      if (signal.aborted) stopped = new LayerhookError('ABORTED', { what: 'skopeo copy' }, error);
      else reject(failed(source, reasonOf(error), 'check the installation of skopeo', error));
      if (child.pid === undefined) reject(stopped);
    });
    child.on('close', (status) => {
      if (stopped !== undefined) reject(stopped);
      else if (status === 0) resolve();
      else reject(failed(source, `skopeo ended with status ${status}`, 'its messages above say why'));
    });
  });
}

function failed(source: string, reason: string, expected: string, cause?: unknown): LayerhookError {
  return new LayerhookError('PULL_FAILED', { source, reason, expected }, cause);
}
