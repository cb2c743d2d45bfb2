import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { shells } from '../../reference/shells.js';

export default defineCommand({
  usage: 'bash | zsh | fish',
  description: `Print the script that makes a shell complete the commands and options of
layerhook. The first line of the script says where to save the script.`,
  examples: ['layerhook completion bash > /usr/share/bash-completion/completions/layerhook'],
  arguments: [shells.join(' | ')],
  words: shells,
  options: {},
  endsImmediately: true,
  async run([given], _, { print, table }) {
    const { completionScript } = await import('../../reference/completion.js');
    const shell = shells.find((name) => name === given);
    if (shell === undefined)
      throw usageError(`unknown shell ${given}: expected ${shells.join(', ')}`, 'layerhook completion');
    const { listReference } = await import('../../reference/walk.js');
    print(completionScript(shell, await listReference(table)).trimEnd());
  },
});
