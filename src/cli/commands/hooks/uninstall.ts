import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: 'HOOK',
  description: `Takes away what hooks install wrote. HOOK is archive-overlay. A file of the same name
that hooks install did not write stays.`,
  arguments: ['hook'],
  options: {
    'hooks-dir': {
      value: 'DIR',
      describe: 'directory it is in (default: /usr/share/containers/oci/hooks.d)',
    },
    'dry-run': { describe: 'say what would be removed' },
  },
  async run([hook = ''], options, { print }) {
    const { hookFile, knownHook, uninstallHook } = await import('./hook-install.js');
    if (!knownHook(hook))
      throw usageError(`there is no hook ${hook}: it is archive-overlay`, 'layerhook hooks uninstall');
    const { path } = hookFile(options['hooks-dir']);
    const found = uninstallHook(path, { dryRun: options['dry-run'] });
    const done = options['dry-run'] ? 'would remove' : 'removed';
    print(found ? `${done} ${path}` : `there is no ${path}`);
  },
});
