import { resolve } from 'node:path';
import { defineCommand } from '../../command.js';
import { dryRunFlag, finish } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Writes the settings of layerhook-runtime, docs/runtime.md, if there are none, and an
empty file of hooks beside them. --set changes single ones; the names that
container-hooks-ctk has for them are understood.`,
  arguments: [],
  options: {
    'config-file': { value: 'FILE', describe: 'the settings (default: /etc/layerhook/runtime.toml)' },
    set: {
      value: 'KEY=VALUE',
      many: true,
      describe: 'a setting; the parts of a list are separated by commas',
    },
    ...dryRunFlag,
  },
  async run(_, { 'config-file': file, set, 'dry-run': isDryRun }, { print, log }) {
    const { planSettings } = await import('../../../ctk/settings.js');
    const changes = planSettings(file === undefined ? undefined : resolve(file), set);
    finish(changes, { isDryRun, hint: 'containers started from now on get it' }, { print, log });
  },
});
