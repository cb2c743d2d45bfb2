import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: 'HOOK',
  description: `Configure podman and CRI-O to call a hook of layerhook: write the JSON file
that oci-hooks(5) describes to a hooks directory. HOOK is archive-overlay. A
file with the same content is left alone.

The file contains the absolute paths of node and the script, since hooks get
an empty environment: install again after either has moved. podman without
root reads no hooks directory by default: call podman with --hooks-dir, or
set hooks_dir in containers.conf.`,
  examples: ['layerhook hooks install archive-overlay'],
  arguments: ['hook'],
  words: ['archive-overlay'],
  options: {
    'hooks-dir': {
      value: 'DIR',
      describe: 'hooks directory (default: /usr/share/containers/oci/hooks.d, which both engines read)',
    },
    'log-level': { value: 'LEVEL', describe: 'log level of the hook (default: info)' },
    syslog: { describe: 'let the hook log to syslog too' },
    'mount-program': { value: 'PATH', describe: 'program of FUSE mounts, as the hook finds it running' },
    'state-dir': { value: 'DIR', describe: 'directory where the hook records its results' },
    'dry-run': { describe: 'print the file instead of writing it' },
  },
  async run([hook = ''], options, { print, log }) {
    const { hookFile, hookFlags, installHook, knownHook } = await import('./hook-install.js');
    if (!knownHook(hook))
      throw usageError(`unknown hook ${hook}: expected archive-overlay`, 'layerhook hooks install');
    const { path, content } = hookFile(options['hooks-dir'], hookFlags(options));
    if (options['dry-run']) {
      log.info(`would write ${path}`);
      print(content.trimEnd());
      return;
    }
    const done = await installHook(path, content);
    print(done ? `wrote ${path}` : `${path} is up to date`);
  },
});
