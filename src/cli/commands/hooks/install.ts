import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: 'HOOK',
  description: `Makes podman and CRI-O call a hook of layerhook: writes the JSON file that oci-hooks(5) describes
into a hooks directory. HOOK is archive-overlay. Where the file is there already as it would be
written, nothing is.

The file names node and the script by their absolute paths, since hooks get an empty environment:
install again after either has moved. podman without root looks into no directory by default:
give it --hooks-dir, or set hooks_dir in containers.conf.`,
  arguments: ['hook'],
  options: {
    'hooks-dir': {
      value: 'DIR',
      describe: 'directory to write to (default: /usr/share/containers/oci/hooks.d, which both engines read)',
    },
    'log-level': { value: 'LEVEL', describe: 'what the hook logs (default: info)' },
    syslog: { describe: 'the hook logs to syslog too' },
    'mount-program': { value: 'PATH', describe: 'what the hook takes for the program behind FUSE mounts' },
    'state-dir': { value: 'DIR', describe: 'where the hook records results' },
    'dry-run': { describe: 'print the file instead of writing it' },
  },
  async run([hook = ''], options, { print, log }) {
    const { hookFile, hookFlags, installHook, knownHook } = await import('./hook-install.js');
    if (!knownHook(hook))
      throw usageError(`there is no hook ${hook}: it is archive-overlay`, 'layerhook hooks install');
    const { path, content } = hookFile(options['hooks-dir'], hookFlags(options));
    if (options['dry-run']) {
      log.info(`would write ${path}`);
      print(content.trimEnd());
      return;
    }
    const done = installHook(path, content);
    print(done ? `wrote ${path}` : `${path} is as it should be`);
  },
});
