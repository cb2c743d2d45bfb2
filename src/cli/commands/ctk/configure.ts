import { isAbsolute } from 'node:path';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { dryRunFlag, engineFlags, finish, readEngine } from './shared.js';

const command = 'layerhook ctk runtime configure';
const defaultPath = '/usr/local/bin/layerhook-runtime';

export default defineCommand({
  usage: '',
  description: `Add layerhook-runtime to the configuration of docker, containerd (versions 1
to 4) or CRI-O. layerhook-runtime becomes the default runtime of the engine
if that has the command line of runc, or else runc or crun; the command runs
it once with --version. The new entry keeps its path, and for containerd and
CRI-O its other settings too. All other settings of the file stay, with
their comments and layout. Running the command twice changes nothing. The
former text is kept in FILE.layerhook-ctk for unconfigure. Restart the
engine afterwards.`,
  examples: [
    'layerhook ctk runtime configure --runtime docker --dry-run',
    'layerhook ctk runtime configure --runtime containerd --set-as-default',
  ],
  arguments: [],
  options: {
    ...engineFlags,
    path: { value: 'PROGRAM', describe: `absolute path of layerhook-runtime (default: ${defaultPath})` },
    'runtime-path': {
      value: 'RUNTIME',
      describe: "path or name of the low-level runtime (default: the engine's default runtime)",
    },
    'set-as-default': { alias: ['default'], describe: 'make layerhook-runtime the default runtime' },
    'drop-in': { describe: 'write a drop-in file beside the configuration (containerd, crio)' },
    ...dryRunFlag,
  },
  async run(_, options, { print, log }) {
    const {
      path = defaultPath,
      'runtime-path': runtimePath,
      'set-as-default': isDefault,
      'drop-in': dropIn,
      'dry-run': isDryRun,
    } = options;
    if (!isAbsolute(path)) throw usageError(`--path ${path} is not absolute`, command);
    const target = readEngine(options, command);
    const { planConfigure } = await import('../../../ctk/configure.js');
    const { isProgram } = await import('../../../ctk/status.js');
    if (!isProgram(path)) log.warn(`${path} does not exist yet: layerhook ctk install creates it`);
    const { changes, notes, warnings } = planConfigure({ ...target, path, isDefault, dropIn, runtimePath });
    for (const warning of warnings) log.warn(warning);
    for (const note of notes) log.info(note);
    await finish(changes, { isDryRun, hint: `restart ${target.engine} to apply it` }, { print });
  },
});
