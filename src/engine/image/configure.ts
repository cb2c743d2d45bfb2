import { type ConfigChange, changeAnnotations, changeConfig } from '../../image/change-config.js';
import { type HistoryOptions, historyEntry } from '../../image/history.js';
import type { Descriptor } from '../../image/types.js';
import { type EditImageOptions, editImage } from '../edit-image.js';
import { platformChoice } from '../image-options.js';

export interface ConfigureImageOptions extends EditImageOptions {
  change: ConfigChange;
  /** the new history entry; false: write none */
  history?: HistoryOptions | false | undefined;
  /** seconds since the epoch: the time of the history entry; default: now */
  sourceDateEpoch?: number | undefined;
}

export interface ConfigureImageResult {
  manifest: Descriptor;
  tag: string;
}

/**
 * Changes the config of an image and the annotations of its manifest, and points a tag to the new image; umoci-config(1).
 * Other images of the same index stay.
 *
 * @throws LayerhookError of reading and writing images
 */
export function configureImage(options: ConfigureImageOptions): Promise<ConfigureImageResult> {
  const { change, sourceDateEpoch } = options;
  return editImage(options, async ({ mutation, from, tag }) => {
    mutation.setConfig(changeConfig(mutation.config, change));
    mutation.setAnnotations(changeAnnotations(mutation.manifest.annotations, change));
    const { author } = mutation.config;
    const history = historyEntry(options.history, sourceDateEpoch, { createdBy: 'layerhook config', author });
    if (history) mutation.addHistory(history);
    const { platform } = platformChoice(options);
    // without an index, the platform has only chosen the image
    const inIndex = platform && tag === from && mutation.isInIndex ? platform : undefined;
    return { manifest: (await mutation.commit(tag, inIndex)).at(-1)!, tag };
  });
}
