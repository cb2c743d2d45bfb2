import { resolve } from 'node:path';
import { engineNames } from '../../../ctk/engines.js';
import { applyChanges, type FileChange } from '../../../ctk/files.js';
import type { EngineName } from '../../../ctk/types.js';
import { usageError } from '../../args/usage.js';
import type { CommandContext, OptionSpecs, OptionValues } from '../../command.js';

/** Options that several `ctk` commands share, and the output of their changes. */

export const engineFlags = {
  runtime: { value: 'ENGINE', describe: 'engine: docker, containerd or crio (default: docker)' },
  'config-file': {
    value: 'FILE',
    describe: "configuration of the engine (default: the engine's own default)",
  },
  name: { value: 'NAME', describe: 'name of the runtime in the engine (default: layerhook)' },
} as const satisfies OptionSpecs;

export const snapshotterFlags = {
  'config-file': {
    value: 'FILE',
    alias: ['config'],
    describe: 'configuration of containerd (default: /etc/containerd/config.toml)',
  },
  name: { value: 'NAME', describe: 'name of the snapshotter in containerd (default: layerhook)' },
} as const satisfies OptionSpecs;

/** Names of containerd's built-in snapshotters. */
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
  'dry-run': { describe: 'print a diff of the files that would be written, and write nothing' },
} as const satisfies OptionSpecs;

/** @throws LayerhookError USAGE */
export function readEngine(options: OptionValues<typeof engineFlags>, command: string) {
  const { runtime = 'docker', 'config-file': file, name = 'layerhook' } = options;
  const engine = engineNames.find((each): each is EngineName => each === runtime);
  if (engine === undefined)
    throw usageError(`invalid --runtime ${runtime}: expected ${engineNames.join(', ')}`, command);
  if (!isName(name)) throw usageError(`invalid name of a runtime: --name ${name}`, command);
  return { engine, file: file === undefined ? undefined : resolve(file), name };
}

/** @throws LayerhookError USAGE */
export async function readSnapshotter(options: OptionValues<typeof snapshotterFlags>, command: string) {
  const { 'config-file': given, name = 'layerhook' } = options;
  if (!isName(name) || builtIn.includes(name)) {
    throw usageError(`invalid name of a proxy snapshotter: --name ${name}`, command);
  }
  const { containerd } = await import('../../../ctk/containerd.js');
  return { file: given === undefined ? containerd.file : resolve(given), name };
}

export function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name);
}

/**
 * Writes the changed files and prints their names, or with `--dry-run` prints a unified diff of each.
 *
 * @param hint what the user should do next, printed if a file was written
 */
export async function finish(
  changes: readonly FileChange[],
  { isDryRun, hint }: { isDryRun: boolean; hint: string },
  { print }: Pick<CommandContext, 'print'>,
): Promise<void> {
  if (isDryRun) {
    const { createTwoFilesPatch } = await import('diff');
    for (const change of changes) print(unifiedDiff(change, createTwoFilesPatch));
    return;
  }
  applyChanges(changes);
  for (const { file, after } of changes) print(`${after === undefined ? 'removed' : 'wrote'} ${file}`);
  print(changes.length === 0 ? 'nothing to change' : hint);
}

function unifiedDiff(
  { file, before, after }: FileChange,
  create: (oldName: string, newName: string, before: string, after: string) => string,
): string {
  const [from, to] = [before === undefined ? '/dev/null' : file, after === undefined ? '/dev/null' : file];
  const patch = create(from, to, before ?? '', after ?? '');
  return patch
    .slice(patch.indexOf('--- '))
    .replaceAll(/^(---|\+\+\+) (.*)\t$/gm, '$1 $2')
    .trimEnd();
}
