import { defineCommand } from '../../command.js';
import { readSquash, squashFlags } from './squash-flags.js';

export default defineCommand({
  usage: '--from LAYER [--tag TAG] --image PATH[:TAG]',
  description: `Make one layer of the layers of an image from LAYER to the highest one. The
layers below LAYER stay, so that other images can share them. The new layer
deletes what the squashed layers delete from the layers below.

SOURCE_DATE_EPOCH, if set, is the time of the history entry. Newer files in
the layer get this time too.`,
  examples: ['layerhook squash --from 2 --image image:app --tag small'],
  arguments: [],
  options: {
    from: {
      value: 'LAYER',
      required: true,
      describe: 'lowest layer to squash: its number (0 is the lowest of the image), digest or diffID',
    },
    ...squashFlags,
  },
  json: true,
  async run(_, options, { signal, log, show }) {
    const read = readSquash(options, 'layerhook squash');
    const { squashImage } = await import('../../../engine/image/squash.js');
    const result = await squashImage({ ...read, from: options.from, signal });
    const { manifest, tag, layer, squashed } = result;
    log.info(`new image manifest created: ${manifest.digest}`, { tag, layer: layer.digest, squashed });
    await show({ json: () => result, text: () => [] });
  },
});
