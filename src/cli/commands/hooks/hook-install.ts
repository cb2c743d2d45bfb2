import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fsError } from '../../../errors/fs-error.js';
import { LayerhookError } from '../../../errors/index.js';
import { packageFile } from '../../../places.js';
import { againIfGone } from '../../../system/again-if-gone.js';
import { withNewDirectories } from '../../../system/new-directories.js';
import { removeFile } from '../../../system/regular-file.js';
import { readWholeFile } from '../../../text/read-file.js';

/** The directory that both podman and CRI-O read by default; oci-hooks(5), crio.conf(5). */
const defaultDirectory = '/usr/share/containers/oci/hooks.d';
const fileName = 'layerhook-archive-overlay.json';
const script = 'dist/bundle/archive-overlay.cjs';
const prefix = '^com\\.launchplatform\\.oci-hooks\\.archive-overlay\\.([^.]+)\\.';

export function knownHook(name: string): boolean {
  return name === 'archive-overlay';
}

/** Returns the hook's arguments for those options of `hooks install` that are meant for the hook. Paths become absolute. */
export function hookFlags(options: Readonly<Record<string, string | boolean | undefined>>): string[] {
  const value = (name: string, edit = (text: string) => text) =>
    typeof options[name] === 'string' ? [`--${name}`, edit(options[name])] : [];
  return [
    ...value('log-level'),
    ...(options.syslog === true ? ['--syslog'] : []),
    ...value('mount-program', resolve),
    ...value('state-dir', resolve),
  ];
}

/** Returns the path and the content of the file for a hooks directory; oci-hooks(5). */
export function hookFile(
  directory = defaultDirectory,
  flags: string[] = [],
): { path: string; content: string } {
  const hook = {
    version: '1.0.0',
    hook: {
      path: process.execPath,
      args: [process.execPath, join(fileURLToPath(new URL('.', packageFile)), script), ...flags],
    },
    when: { annotations: { [`${prefix}mount-point$`]: '(.+)', [`${prefix}archive-to$`]: '(.+)' } },
    stages: ['poststop'],
  };
  return { path: join(resolve(directory), fileName), content: `${JSON.stringify(hook, null, 2)}\n` };
}

/**
 * Writes the file atomically, and removes what killed commands have left of it.
 *
 * @returns false if the file has this content already
 * @throws LayerhookError DIRECTORY_INVALID, NO_SPACE, SYSTEM, USAGE if another program wrote the file
 */
export async function installHook(path: string, content: string): Promise<boolean> {
  const found = readIfThere(path);
  if (found === content) return false;
  if (found !== null) requireOurs(path, found);
  const { makeWhole } = await import('../../../system/temporary.js');
  try {
    await withNewDirectories((made) =>
      againIfGone(async () => {
        made.make(join(path, '..'));
        await makeWhole(path, 'file', (fd) => writeFileSync(fd, content));
      }),
    );
  } catch (error) {
    throw fsError(error, `cannot write ${path}`);
  }
  return true;
}

/** Removes the file. @returns true if the file existed @throws LayerhookError as {@link installHook} */
export function uninstallHook(path: string, { dryRun }: { dryRun: boolean }): boolean {
  const found = readIfThere(path);
  if (found === null) return false;
  requireOurs(path, found);
  if (dryRun) return true;
  try {
    removeFile(path);
  } catch (error) {
    throw fsError(error, `cannot remove ${path}`);
  }
  return true;
}

function requireOurs(path: string, content: string): void {
  if (content.includes(script)) return;
  const reason = `hooks install did not write the existing ${path}; remove the file, or give another --hooks-dir`;
  throw new LayerhookError('USAGE', { reason, command: 'layerhook hooks install' });
}

function readIfThere(path: string): string | null {
  try {
    return readWholeFile(path).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fsError(error, `cannot read ${path}`);
  }
}
