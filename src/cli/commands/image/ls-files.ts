import { limitFlags, platformFlag, readLimits, readPlatform } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[--json] [--long] [--layer LAYER] IMAGE[:TAG]',
  description: `List the files of an image without unpacking it, sorted by path: what all
layers together make, with whiteouts and hardlinks resolved. With --layer,
list the entries of one layer in the order of its tar; whiteouts have the
names that the tar gives them (.wh.NAME). Names that are not plain text are
quoted; --json gives them unchanged.`,
  examples: ['layerhook ls-files --long image:base', 'layerhook ls-files --layer 0 image:base'],
  arguments: ['IMAGE[:TAG]'],
  options: {
    layer: { value: 'LAYER', describe: 'number of a layer, 0 for the lowest, or its digest' },
    long: {
      alias: ['l'],
      describe: 'show type and mode, owner, size, time, and the number of the layer too',
    },
    ...platformFlag,
    ...limitFlags,
  },
  json: true,
  endsImmediately: true,
  async run([image], options, { show }) {
    const { layer, long } = options;
    const { listFiles } = await import('../../../engine/image/list-files.js');
    const { fileLine, longLine } = await import('./file-lines.js');
    const found = { image: image!, ...readPlatform(options), ...readLimits(options, 'layerhook ls-files') };
    const rows = await listFiles(found, layer);
    await show({
      json: () => rows,
      text: async function* () {
        for await (const row of rows) yield long ? longLine(row) : fileLine(row);
      },
    });
  },
});
