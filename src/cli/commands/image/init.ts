import { layoutFlag, readLayout } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--layout PATH',
  description: `Create an empty OCI image layout: a directory, or a tar with
oci-archive:FILE. PATH must not exist, or must be an empty directory;
missing parent directories are created.`,
  examples: ['layerhook init --layout image'],
  arguments: [],
  options: layoutFlag,
  async run(_, options, { log }) {
    const path = readLayout(options, 'layerhook init');
    const { createLayout } = await import('../../../image/layout.js');
    const { splitTransport } = await import('../../../image/layout-name.js');
    const layout = createLayout(path);
    try {
      // a tar appears with its first index
      if (splitTransport(path).transport !== 'directory') await layout.updateIndex((index) => ({ ...index }));
    } finally {
      await layout.close();
    }
    log.info(`created new OCI image: ${path}`);
  },
});
