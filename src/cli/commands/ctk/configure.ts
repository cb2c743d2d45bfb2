import { isAbsolute } from 'node:path';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { dryRunFlag, engineFlags, finish, readEngine } from './shared.js';

const command = 'layerhook ctk runtime configure';
const defaultPath = '/usr/local/bin/layerhook-runtime';

export default defineCommand({
  usage: '',
  description: `Adds layerhook-runtime to the configuration of docker, containerd (versions 1 to 4)
or CRI-O. With containerd and CRI-O it is a copy of runc's entry, or else of the
default runtime's, with our program. All other settings stay, with their comments
and layout; doing it twice changes nothing. What was there before is remembered
in FILE.layerhook-ctk, for unconfigure. The engine must be restarted afterwards.`,
  arguments: [],
  options: {
    ...engineFlags,
    path: { value: 'PROGRAM', describe: `absolute path of layerhook-runtime (default: ${defaultPath})` },
    'set-as-default': { alias: ['default'], describe: 'make it the default runtime' },
    'drop-in': { describe: 'write a file of its own beside the configuration (containerd, crio)' },
    ...dryRunFlag,
  },
  async run(_, options, { print, log }) {
    const {
      path = defaultPath,
      'set-as-default': isDefault,
      'drop-in': dropIn,
      'dry-run': isDryRun,
    } = options;
    if (!isAbsolute(path)) throw usageError(`--path ${path} is not absolute`, command);
    const target = readEngine(options, command);
    const { planConfigure } = await import('../../../ctk/configure.js');
    const { isProgram } = await import('../../../ctk/status.js');
    if (!isProgram(path)) log.warn(`${path} is not there yet: layerhook ctk install puts it there`);
    const changes = planConfigure({ ...target, path, isDefault, dropIn });
    finish(changes, { isDryRun, hint: `restart ${target.engine} to have it read` }, { print, log });
  },
});
