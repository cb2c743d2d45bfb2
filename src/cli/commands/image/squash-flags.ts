import type { FlattenImageOptions } from '../../../engine/image/squash.js';
import {
  compressFlag,
  historyFlags,
  holesFlag,
  imageFlag,
  limitFlags,
  platformFlag,
  readCompress,
  readHistory,
  readLimits,
  readMaxHoles,
  readPlatform,
  readSourceDateEpoch,
  tagFlag,
} from '../../args/flags.js';
import type { OptionSpecs, OptionValues } from '../../command.js';

/** Options of the commands that make one layer of several. */
export const squashFlags = {
  ...imageFlag,
  ...tagFlag,
  ...historyFlags,
  ...compressFlag,
  ...holesFlag,
  ...limitFlags,
  ...platformFlag,
} as const satisfies OptionSpecs;

/** @throws LayerhookError USAGE, COMPRESSION_UNKNOWN, PLATFORM_INVALID */
export function readSquash(options: OptionValues<typeof squashFlags>, command: string): FlattenImageOptions {
  return {
    image: options.image,
    tag: options.tag,
    history: readHistory(options, command),
    compress: readCompress(options),
    maxHoles: readMaxHoles(options, command),
    sourceDateEpoch: readSourceDateEpoch(command),
    ...readLimits(options, command),
    ...readPlatform(options),
  };
}
