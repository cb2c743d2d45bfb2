import type { Descriptor } from '../../image/types.js';
import type { MapOptions } from '../../layer/types.js';
import type { ImageOptions } from '../image-options.js';
import type { OperationOptions } from '../operation-options.js';

export interface UnpackOptions extends OperationOptions, ImageOptions {
  /** path of the bundle to make: nothing, or an empty directory */
  bundle: string;
  /** true: the directory may have other files, as long as their names are not those of a bundle; default: false */
  force?: boolean | undefined;
  map?: MapOptions | undefined;
  keepDirlinks?: boolean | undefined;
  /** whether to write umoci's mtree manifest; default: hooks.toml's, else `always` */
  mtree?: 'always' | 'never' | undefined;
}

export interface UnpackResult {
  bundle: string;
  manifest: Descriptor;
  /** layers of the image, and how many of them a hook had already */
  layers: number;
  skipped: number;
  /** uncompressed bytes and tar entries extracted */
  bytes: number;
  entries: number;
}
