import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: 'HOOK',
  description: `Remove the file that hooks install wrote. HOOK is archive-overlay. It is an
error if another program wrote the file.`,
  examples: ['layerhook hooks uninstall archive-overlay'],
  arguments: ['hook'],
  words: ['archive-overlay'],
  options: {
    'hooks-dir': {
      value: 'DIR',
      describe: 'hooks directory (default: /usr/share/containers/oci/hooks.d)',
    },
    'dry-run': { describe: 'print the file that would be removed, and remove nothing' },
  },
  async run([hook = ''], options, { print }) {
    const { hookFile, knownHook, uninstallHook } = await import('./hook-install.js');
    if (!knownHook(hook))
      throw usageError(`unknown hook ${hook}: expected archive-overlay`, 'layerhook hooks uninstall');
    const { path } = hookFile(options['hooks-dir']);
    const found = uninstallHook(path, { dryRun: options['dry-run'] });
    const done = options['dry-run'] ? 'would remove' : 'removed';
    print(found ? `${done} ${path}` : `${path} does not exist`);
  },
});
