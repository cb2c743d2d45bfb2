import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';
import { quote } from './launcher.js';

export interface InstallOptions {
  /** directory whose `bin` gets the program */
  prefix: string;
  /** runtime.toml to use instead of the default */
  config?: string | undefined;
  /** root of this package */
  packageRoot: string;
  /** absolute path of node */
  node: string;
}

/** The rest of the launcher, from this comment on, is replaced. */
const end = '# what stands below';

/**
 * Returns the launcher of layerhook-runtime to write. It contains the absolute paths of node and
 * of our program, so that it works with any PATH.
 */
export function planInstall({ prefix, config, packageRoot, node }: InstallOptions): FileChange {
  const launcher = readFileSync(join(packageRoot, 'hooks/layerhook-runtime'), 'utf8');
  const file = join(prefix, 'bin/layerhook-runtime');
  const before = readText(file);
  if (before !== undefined && !before.includes('LAYERHOOK_STARTED')) {
    throw configError(file, 'another program has this name');
  }
  const settings = config === undefined ? '' : ` --layerhook-config ${quote(config)}`;
  const script = quote(join(packageRoot, 'dist/bundle/runtime.cjs'));
  return {
    file,
    before,
    mode: 0o755,
    after: `${launcher.slice(0, launcher.indexOf(end))}exec ${quote(node)} ${script}${settings} "$@"\n`,
  };
}
