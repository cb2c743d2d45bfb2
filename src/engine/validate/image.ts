import { platformFit, showPlatform } from '../../image/platform.js';
import type { Descriptor, ImageConfig, Manifest } from '../../image/types.js';
import { formatCounted } from '../../text/counted.js';
import type { Finding } from './finding.js';

/** Checks what a manifest and its config say about each other. */
export function* checkImage(
  descriptor: Descriptor,
  manifest: Manifest,
  config: ImageConfig,
): Generator<Finding> {
  yield* checkCounts(manifest, config);
  yield* checkPlatform(descriptor, manifest, config);
}

function* checkCounts({ layers, config: { digest } }: Manifest, config: ImageConfig): Generator<Finding> {
  const diffIDs = config.rootfs.diff_ids.length;
  if (diffIDs !== layers.length) {
    const message = `config ${digest} has ${formatCounted(diffIDs, 'diff_ids')} for ${formatCounted(layers.length, 'layers')}`;
    yield { severity: 'error', code: 'IMAGE_INVALID', message, digest };
  }
  const { history = [] } = config;
  const described = history.filter(({ empty_layer }) => empty_layer !== true).length;
  if (history.length > 0 && described !== layers.length) {
    const message = `the history of config ${digest} describes ${formatCounted(described, 'layers')}, the manifest has ${layers.length}`;
    yield { severity: 'warning', code: 'HISTORY_COUNT', message, digest };
  }
}

function* checkPlatform(
  { platform }: Descriptor,
  { config: { digest } }: Manifest,
  config: ImageConfig,
): Generator<Finding> {
  const { os, architecture, variant } = config;
  if (!os || !architecture) {
    const missing = [!os && 'os', !architecture && 'architecture'].filter(Boolean).join(' and ');
    const message = `config ${digest} has no ${missing}, which the image-spec requires`;
    yield { severity: 'warning', code: 'PLATFORM_MISSING', message, digest };
    return;
  }
  if (!platform?.os || !platform.architecture) return;
  const own = { os, architecture, ...(variant && { variant }) };
  if (platformFit(own, platform) !== undefined || platformFit(platform, own) !== undefined) return;
  const message = `the index says ${showPlatform(platform)}, config ${digest} says ${showPlatform(own)}`;
  yield { severity: 'warning', code: 'PLATFORM_MISMATCH', message, digest };
}
