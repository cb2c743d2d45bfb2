import { layoutFlag, readLayout } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--layout PATH',
  description: `Create an empty OCI image layout, which is a directory. PATH must not exist,
or must be an empty directory; missing parent directories are created.`,
  arguments: [],
  options: layoutFlag,
  async run(_, options, { log }) {
    const path = readLayout(options, 'layerhook init');
    const { createLayout } = await import('../../../image/layout.js');
    createLayout(path);
    log.info(`created new OCI image: ${path}`);
  },
});
