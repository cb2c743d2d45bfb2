import { layoutFlag, readLayout } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--layout PATH',
  description: `Makes an empty OCI image layout, a directory without images. PATH must not exist;
its parent directories are made.`,
  arguments: [],
  options: layoutFlag,
  async run(_, options, { log }) {
    const path = readLayout(options, 'layerhook init');
    const { createLayout } = await import('../../../image/layout.js');
    createLayout(path);
    log.info(`created new OCI image: ${path}`);
  },
});
