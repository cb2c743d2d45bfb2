import { type DriverOptions, LayerhookError, readDriverOptions } from 'layerhook';

/** Options of the driver, which a bundle records. */
export interface ErofsOptions extends DriverOptions {
  /** `auto` (default): protect images with fs-verity where the filesystem has it; `never` */
  verity: 'auto' | 'never';
}

/** @throws LayerhookError DRIVER_OPTION */
export function readErofsOptions(options: Record<string, unknown>): ErofsOptions {
  const { verity = 'auto', ...others } = options;
  if (verity !== 'auto' && verity !== 'never') {
    const reason = 'must be auto or never';
    throw new LayerhookError('DRIVER_OPTION', { driver: 'erofs', option: 'verity', reason });
  }
  return { ...readDriverOptions('erofs', others), verity };
}
