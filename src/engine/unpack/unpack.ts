import { readdirSync } from 'node:fs';
import { errorCode } from '../../errors/fs-error.js';
import { linkedController } from '../linked-controller.js';
import type { Operation } from '../operation.js';
import type { UnpackOptions, UnpackResult } from './options.js';
import { ExtractionThreads } from './threads.js';

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
  const [{ openImage }, { closeOperation, configOf, limitsOf, openOperation }] = await Promise.all([
    import('../open-image.js'),
    import('../operation.js'),
  ]);
  const loaded = await configOf(options);
  const image = openImage({ ...options, limits: limitsOf(options, loaded) });
  const operation = await openOperation(options, { stop, loaded });
  const onWarning = (message: string) => operation.log.warn(message);
  const { maxHoles } = operation;
  const threads = new ExtractionThreads({
    ...{ signal: stop.signal, onWarning, maxHoles },
    onRead: ({ digest, decompressor }) => operation.log.debug('read a layer', { digest, decompressor }),
  });
  try {
    // threads take as long to start as the rest takes to load: both run in parallel if threads are certainly needed
    const { dispatcher, onlyDriver } = operation;
    const { layers } = image.image.manifest;
    if (!dispatcher.handles(trySkip)) threads.startEarly(layers, 'rootfs');
    else if (onlyDriver(trySkip) && isEmptyStore(operation)) threads.startEarly(layers, 'directory');
    const { unpackImage } = await import('./unpack-image.js');
    return await unpackImage(options, image, operation, threads);
  } finally {
    await Promise.all([threads.close(), closeOperation(operation)]);
  }
}

const trySkip = 'unpack.ociv1.layer.try-skip';

/** True if the driver's store is empty, so that the driver cannot have a layer. */
function isEmptyStore({ driverChoice }: Operation): boolean {
  const { store } = driverChoice.options;
  if (typeof store !== 'string') return false;
  try {
    return readdirSync(store).length === 0;
  } catch (error) {
    // the driver reports all other failures
    return errorCode(error) === 'ENOENT';
  }
}
