import { chmodSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineCommand } from '../../command.js';
import { dryRunFlag, finish } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Write layerhook-runtime to PREFIX/bin. It contains the absolute paths of
this node and this package, so that engines with any PATH can call it. Run
the command again after either has moved.`,
  examples: ['layerhook ctk install', 'layerhook ctk install --prefix /opt/layerhook'],
  arguments: [],
  options: {
    prefix: { value: 'DIR', describe: 'directory to install to (default: /usr/local)' },
    'config-file': {
      value: 'FILE',
      describe: 'settings that layerhook-runtime reads (default: /etc/layerhook/runtime.toml)',
    },
    ...dryRunFlag,
  },
  async run(_, { prefix = '/usr/local', 'config-file': config, 'dry-run': isDryRun }, { print }) {
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
    await finish(
      changes,
      { isDryRun, hint: 'layerhook ctk runtime configure adds it to an engine' },
      { print },
    );
    // an existing file keeps its mode, and the umask may remove bits of a new one
    if (!isDryRun) chmodSync(change.file, 0o755);
  },
});
