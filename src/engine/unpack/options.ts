import type { Descriptor } from '../../image/types.js';
import type { MapOptions } from '../../layer/types.js';
import type { ImageOptions } from '../image-options.js';
import type { OperationOptions } from '../operation-options.js';

export interface UnpackOptions extends OperationOptions, ImageOptions {
  /** path of the new bundle: it is missing, or an empty directory */
  bundle: string;
  /** true: the directory may have other files, except files with names of a bundle; default false */
  force?: boolean | undefined;
  map?: MapOptions | undefined;
  keepDirlinks?: boolean | undefined;
  /** largest window of a zstd layer in bytes, which is the memory that it takes; default 128 MiB, at most 2 GiB */
  zstdWindow?: number | undefined;
  /** whether to write umoci's mtree manifest; default: hooks.toml's, else `always` */
  mtree?: 'always' | 'never' | undefined;
}

export interface UnpackResult {
  bundle: string;
  manifest: Descriptor;
  /** number of layers of the image, and of those that a hook skipped */
  layers: number;
  skipped: number;
  /** uncompressed bytes and tar entries extracted */
  bytes: number;
  entries: number;
}
