import { resolve } from 'node:path';
import { defineCommand } from '../../command.js';
import { dryRunFlag, finish } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Write the settings of layerhook-runtime, docs/runtime.md, with an empty file
of hooks beside them. Existing settings are kept; --set changes one of them.
The names that container-hooks-ctk uses for settings work too.`,
  examples: ['layerhook ctk config --set order=after --set log=/var/log/layerhook-runtime.log'],
  arguments: [],
  options: {
    'config-file': { value: 'FILE', describe: 'file of the settings (default: /etc/layerhook/runtime.toml)' },
    set: {
      value: 'KEY=VALUE',
      many: true,
      describe: 'setting to change; commas separate the items of a list',
    },
    ...dryRunFlag,
  },
  async run(_, { 'config-file': file, set, 'dry-run': isDryRun }, { print }) {
    const { planSettings } = await import('../../../ctk/settings.js');
    const changes = planSettings(file === undefined ? undefined : resolve(file), set);
    await finish(changes, { isDryRun, hint: 'containers that start from now on use it' }, { print });
  },
});
