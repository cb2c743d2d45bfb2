import { imageFlag, limitFlags, platformFlag, readLimits, readPlatform } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[--json] --image PATH[:TAG]',
  description: `Show the manifest, config and history of an image. The text is for people
and may change; use --json in scripts.`,
  examples: ['layerhook stat --image image:base'],
  arguments: [],
  options: {
    ...imageFlag,
    ...platformFlag,
    ...limitFlags,
    json: { describe: 'print one line of JSON with the unchanged manifest and config' },
  },
  async run(_, options, { print }) {
    const platform = readPlatform(options);
    const { parseImageReference } = await import('../../../image/references.js');
    const { openLayout } = await import('../../../image/layout.js');
    const { statImage } = await import('../../../image/stat.js');
    const { path, tag } = parseImageReference(options.image);
    const stat = statImage(openLayout(path, readLimits(options, 'layerhook stat')), tag, platform);
    if (options.json) print((await import('../../umoci/stat-json.js')).statJson(stat));
    else print((await import('../../umoci/stat-text.js')).statText(stat));
  },
});
