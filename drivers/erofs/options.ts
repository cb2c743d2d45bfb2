import { invalidOption, type OverlayOptions, readOptions } from '../overlay/options.js';

/** Options of the driver, which a bundle records. */
export interface ErofsOptions extends OverlayOptions {
  /** `auto` (default): protect images with fs-verity where the filesystem has it; `never` */
  verity: 'auto' | 'never';
}

/** @throws LayerhookError DRIVER_OPTION */
export function readErofsOptions(options: Record<string, unknown>): ErofsOptions {
  const { verity = 'auto', ...others } = options;
  if (verity !== 'auto' && verity !== 'never')
    throw invalidOption('erofs', 'verity', 'must be auto or never');
  return { ...readOptions(others, 'erofs'), verity };
}
