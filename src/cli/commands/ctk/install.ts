import { chmodSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineCommand } from '../../command.js';
import { dryRunFlag, finish } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Puts layerhook-runtime into PREFIX/bin, with the absolute paths of this node and this
package, so that engines can call it whatever their PATH. Run it again when one of
them has moved.`,
  arguments: [],
  options: {
    prefix: { value: 'DIR', describe: 'where to (default: /usr/local)' },
    'config-file': {
      value: 'FILE',
      describe: 'settings that it reads (default: /etc/layerhook/runtime.toml)',
    },
    ...dryRunFlag,
  },
  async run(_, { prefix = '/usr/local', 'config-file': config, 'dry-run': isDryRun }, { print, log }) {
    const { planInstall } = await import('../../../ctk/install.js');
    const { packageFile } = await import('../../../places.js');
    const { dirname } = await import('node:path');
    const { fileURLToPath } = await import('node:url');
    const change = planInstall({
      prefix: resolve(prefix),
      config: config === undefined ? undefined : resolve(config),
      packageRoot: dirname(fileURLToPath(packageFile)),
      node: process.execPath,
    });
    const changes = change.before === change.after ? [] : [change];
    finish(
      changes,
      { isDryRun, hint: 'layerhook ctk runtime configure makes it known to an engine' },
      { print, log },
    );
    if (!isDryRun) chmodSync(change.file, 0o755);
  },
});
