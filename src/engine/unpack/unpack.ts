import type { Descriptor } from '../../image/types.js';
import type { MapOptions } from '../../layer/types.js';
import { linkedController } from '../linked-controller.js';
import type { Operation, OperationOptions } from '../operation.js';
import { ExtractionThreads } from './threads.js';

export interface UnpackOptions extends OperationOptions {
  /** `LAYOUT[:TAG]`; the tag is `latest` by default */
  image: string;
  /** path of the bundle to make: nothing, or an empty directory */
  bundle: string;
  /** true: the directory may have other files, as long as their names are not those of a bundle; default: false */
  force?: boolean | undefined;
  /** `OS/ARCH[/VARIANT]`; default: the only image there is, else this machine's */
  platform?: string | undefined;
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

/**
 * Unpacks an image into an OCI runtime bundle: rootfs, config.json, and what a repack needs.
 *
 * The bundle appears whole, under its name, or not at all. Every layer passes the lifecycle points of
 * docs/hook-protocol.md; blobs and diffIDs are verified.
 *
 * @throws LayerhookError of any code in docs/errors.md
 */
export async function unpack(options: UnpackOptions): Promise<UnpackResult> {
  const stop = linkedController(options.signal);
  const [{ openImage }, { closeOperation, openOperation }] = await Promise.all([
    import('../open-image.js'),
    import('../operation.js'),
  ]);
  const image = openImage(options);
  const operation = await openOperation(options, { stop });
  const onWarning = (message: string) => operation.log.warn(message);
  const threads = new ExtractionThreads({ signal: stop.signal, onWarning, maxHoles: options.maxHoles });
  try {
    // threads take as long to start as the rest takes to load: both at once, if it is known that they are needed
    if (!operation.dispatcher.handles(SKIP)) threads.startEarly();
    else if (hasNoLayer(operation)) threads.startEarly(image.image.manifest.layers);
    const { unpackImage } = await import('./unpack-image.js');
    return await unpackImage(options, image, operation, threads);
  } finally {
    await Promise.all([threads.close(), closeOperation(operation)]);
  }
}

const SKIP = 'unpack.ociv1.layer.try-skip';

/** Whether nobody can have the first layer. */
function hasNoLayer({ driver, onlyDriver }: Operation): boolean {
  return onlyDriver(SKIP) && driver.hasNoLayer?.() === true;
}
