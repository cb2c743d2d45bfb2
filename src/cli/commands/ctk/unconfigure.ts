import { defineCommand } from '../../command.js';
import { dryRunFlag, engineFlags, finish, readEngine } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Remove layerhook-runtime from an engine's configuration, and restore the
former default runtime. If the file has not changed since configure, it
becomes what it was, byte for byte; otherwise only the added settings are
removed. Existing containers of this runtime need its program until they are
removed.`,
  examples: ['layerhook ctk runtime unconfigure --runtime docker'],
  arguments: [],
  options: { ...engineFlags, ...dryRunFlag },
  async run(_, options, { print }) {
    const target = readEngine(options, 'layerhook ctk runtime unconfigure');
    const { planUnconfigure } = await import('../../../ctk/configure.js');
    const hint = `restart ${target.engine} to apply it; existing containers of the runtime ${target.name} need its program until they are removed`;
    await finish(planUnconfigure(target), { isDryRun: options['dry-run'], hint }, { print });
  },
});
