import { defineCommand } from '../../command.js';
import { readSquash, squashFlags } from './squash-flags.js';

export default defineCommand({
  usage: '[--tag TAG] --image PATH[:TAG]',
  description: `Make one layer of all layers of an image. The new layer has the files of the
image; files that an upper layer deletes or replaces are gone. Config and
history stay; the history gets an entry for the new layer.

SOURCE_DATE_EPOCH, if set, is the time of the history entry. Newer files in
the layer get this time too.`,
  examples: ['layerhook flatten --image image:base --tag flat'],
  arguments: [],
  options: squashFlags,
  json: true,
  async run(_, options, { signal, log, show }) {
    const read = readSquash(options, 'layerhook flatten');
    const { flattenImage } = await import('../../../engine/image/squash.js');
    const result = await flattenImage({ ...read, signal });
    const { manifest, tag, layer, squashed } = result;
    log.info(`new image manifest created: ${manifest.digest}`, { tag, layer: layer.digest, squashed });
    await show({ json: () => result, text: () => [] });
  },
});
