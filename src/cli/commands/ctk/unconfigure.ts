import { defineCommand } from '../../command.js';
import { dryRunFlag, engineFlags, finish, readEngine } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Takes layerhook-runtime out of an engine's configuration again, and gives the former
default runtime back. If nobody has changed the file since, it becomes what it was,
byte for byte; else only what is ours goes. Containers that were started with the
runtime need its program until they are gone.`,
  arguments: [],
  options: { ...engineFlags, ...dryRunFlag },
  async run(_, options, { print, log }) {
    const target = readEngine(options, 'layerhook ctk runtime unconfigure');
    const { planUnconfigure } = await import('../../../ctk/configure.js');
    const hint = `restart ${target.engine} to have it read; containers that have the runtime ${target.name} need it until they are gone`;
    finish(planUnconfigure(target), { isDryRun: options['dry-run'], hint }, { print, log });
  },
});
