import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';

export interface InstallOptions {
  /** the program goes to `bin` below it */
  prefix: string;
  /** runtime.toml to use in place of the default */
  config?: string | undefined;
  /** root of this package */
  packageRoot: string;
  /** the node to run it with */
  node: string;
}

/** From here on the launcher is written anew. */
const end = '# what stands below';

/**
 * The launcher of layerhook-runtime with absolute paths of node and of our program, so that it works with any PATH.
 *
 * @returns what to write, with mode 0755
 */
export function planInstall({ prefix, config, packageRoot, node }: InstallOptions): FileChange {
  const launcher = readFileSync(join(packageRoot, 'hooks/layerhook-runtime'), 'utf8');
  const file = join(prefix, 'bin/layerhook-runtime');
  const before = readText(file);
  if (before !== undefined && !before.includes('LAYERHOOK_STARTED')) {
    throw configError(file, 'there is another program of that name');
  }
  const settings = config === undefined ? '' : ` --layerhook-config ${quote(config)}`;
  const script = quote(join(packageRoot, 'dist/bundle/runtime.cjs'));
  return {
    file,
    before,
    after: `${launcher.slice(0, launcher.indexOf(end))}exec ${quote(node)} ${script}${settings} "$@"\n`,
  };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
