import { resolve } from 'node:path';
import { engineNames } from '../../../ctk/engines.js';
import { applyChanges, type FileChange } from '../../../ctk/files.js';
import type { EngineName } from '../../../ctk/types.js';
import { usageError } from '../../args/usage.js';
import type { CommandContext, OptionSpecs, OptionValues } from '../../command.js';

/** Options of `ctk` commands, and what they do with changes of files. */

export const engineFlags = {
  runtime: { value: 'ENGINE', describe: 'docker, containerd or crio (default: docker)' },
  'config-file': { value: 'FILE', describe: "the engine's configuration (default: where the engine has it)" },
  name: { value: 'NAME', describe: 'name of the runtime in the engine (default: layerhook)' },
} as const satisfies OptionSpecs;

export const snapshotterFlags = {
  'config-file': {
    value: 'FILE',
    alias: ['config'],
    describe: "containerd's configuration (default: where it has it)",
  },
  name: { value: 'NAME', describe: 'name of the snapshotter in containerd (default: layerhook)' },
} as const satisfies OptionSpecs;

/** Snapshotters that containerd has itself. */
const builtIn = [
  'aufs',
  'blockfile',
  'btrfs',
  'devmapper',
  'erofs',
  'native',
  'overlayfs',
  'windows',
  'windows-lcow',
  'zfs',
];

export const dryRunFlag = {
  'dry-run': { describe: 'print what would be written, and write nothing' },
} as const satisfies OptionSpecs;

/** @throws LayerhookError USAGE */
export function readEngine(options: OptionValues<typeof engineFlags>, command: string) {
  const { runtime = 'docker', 'config-file': file, name = 'layerhook' } = options;
  const engine = engineNames.find((each): each is EngineName => each === runtime);
  if (engine === undefined)
    throw usageError(`--runtime ${runtime} is none of ${engineNames.join(', ')}`, command);
  if (!isName(name)) throw usageError(`--name ${name} is no name of a runtime`, command);
  return { engine, file: file === undefined ? undefined : resolve(file), name };
}

/** @throws LayerhookError USAGE */
export async function readSnapshotter(options: OptionValues<typeof snapshotterFlags>, command: string) {
  const { 'config-file': given, name = 'layerhook' } = options;
  if (!isName(name) || builtIn.includes(name)) {
    throw usageError(`--name ${name} is no name of a proxy snapshotter`, command);
  }
  const { containerd } = await import('../../../ctk/containerd.js');
  return { file: given === undefined ? containerd.file : resolve(given), name };
}

export function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name);
}

/**
 * Writes files, or with `--dry-run` prints them.
 *
 * @param hint what to do when something was written
 */
export function finish(
  changes: readonly FileChange[],
  { isDryRun, hint }: { isDryRun: boolean; hint: string },
  { print, log }: Pick<CommandContext, 'print' | 'log'>,
): void {
  if (isDryRun) {
    for (const { file, after } of changes) {
      print(after === undefined ? `# ${file} would be removed` : `# ${file}`);
      if (after !== undefined) print(after.trimEnd());
    }
    return;
  }
  applyChanges(changes);
  for (const { file, after } of changes) log.info(`${after === undefined ? 'removed' : 'wrote'} ${file}`);
  log.info(changes.length === 0 ? 'nothing to change' : hint);
}
