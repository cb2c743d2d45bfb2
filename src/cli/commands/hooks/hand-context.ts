import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BundleMeta, manifestPath, readBundleMeta } from '../../../engine/bundle/metadata.js';
import { type Operation, unmapped } from '../../../engine/operation.js';
import { isLayerhookError, LayerhookError } from '../../../errors/index.js';
import { openLayout } from '../../../image/layout.js';
import { parseImageReference } from '../../../image/references.js';
import { loadImage, resolveReference } from '../../../image/resolve.js';
import { type ContextBase, imageContext, layerContexts } from '../../../points/contexts.js';
import type { ImageContext, LayerContext, PointName } from '../../../points/points.js';
import { pointRow } from '../../../points/table.js';
import { generateSpec } from '../../../spec/generate.js';
import { readRegularFile } from '../../../system/regular-file.js';
import { usageError } from '../../args/usage.js';
import { snapshotByHand } from './hand-snapshot.js';

/** The options of `hooks run` that a context is made from. */
export interface HandOptions {
  /** path of a bundle, or undefined for a temporary empty rootfs */
  bundle?: string | undefined;
  /** `LAYOUT[:TAG]` */
  image?: string | undefined;
  /** index of a layer, or undefined for the lowest */
  layer?: string | undefined;
  /** path of a JSON file whose fields replace those of the bundle and the image */
  context?: string | undefined;
}

type Fields = Record<string, unknown>;

const command = 'layerhook hooks run';

/**
 * Returns the context that a point would have for a bundle and an image.
 *
 * @param meta the result of {@link metaByHand}
 * @returns the context, and a function that removes the temporary rootfs
 * @throws LayerhookError USAGE if an option that the point needs is missing; the errors of reading bundle and image
 */
export function contextByHand(
  point: PointName,
  options: HandOptions,
  meta: BundleMeta | undefined,
  { log, stop }: Operation,
): { context: Fields; dispose: () => void } {
  const given = readContext(options.context);
  const needed = Object.keys(pointRow(point).context);
  const scope = { log, signal: stop.signal };
  if (!needed.includes('bundle')) return withoutBundle(point, options, { ...scope, ...given });
  const { bundle, dispose } = bundleOf(point, options.bundle);
  try {
    const base = { ...scope, bundle, rootfs: join(bundle, 'rootfs'), map: meta?.map ?? unmapped };
    const fields = needed.includes('manifest') ? withImage(point, base, meta, options) : base;
    const own = needed.includes('claim') ? { claim: false } : {};
    return { context: complete(point, { ...fields, ...own, ...given }), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Returns the context of a point that has no bundle in its context. */
function withoutBundle(
  point: PointName,
  { image, layer }: HandOptions,
  given: Fields,
): { context: Fields; dispose: () => void } {
  if (!point.startsWith('snapshot.') || image === undefined)
    return { context: complete(point, given), dispose() {} };
  const { fields, dispose } = snapshotByHand(image, Number(layer ?? 0));
  try {
    const own = Object.keys(pointRow(point).context).map((name) => [name, fields[name]]);
    return { context: complete(point, { ...Object.fromEntries(own), ...given }), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Returns the metadata of the bundle; undefined without one, or at points of unpack if the bundle has none yet. */
export function metaByHand(point: PointName, { bundle }: HandOptions): BundleMeta | undefined {
  if (bundle === undefined) return undefined;
  if (point.startsWith('unpack.') && !existsSync(join(bundle, 'umoci.json'))) return undefined;
  return readBundleMeta(bundle);
}

function bundleOf(point: PointName, bundle: string | undefined): { bundle: string; dispose: () => void } {
  if (bundle !== undefined) return { bundle: resolve(bundle), dispose() {} };
  if (!point.startsWith('unpack.')) throw usageError(`${point} needs --bundle`, command);
  const made = mkdtempSync(join(tmpdir(), 'layerhook-run-'));
  mkdirSync(join(made, 'rootfs'), { mode: 0o755 });
  return { bundle: made, dispose: () => rmSync(made, { recursive: true, force: true }) };
}

function withImage(
  point: PointName,
  base: ContextBase,
  meta: BundleMeta | undefined,
  { image: reference, layer }: HandOptions,
): Fields {
  if (reference === undefined) throw usageError(`${point} needs --image`, command);
  const { path, tag } = parseImageReference(reference);
  const layout = openLayout(path);
  const image = meta === undefined ? resolveReference(layout, tag) : loadImage(layout, tag, meta.from);
  const context = imageContext(base, layout, image);
  const layers = layerContexts(context, layout, false);
  const index = Number(layer ?? 0);
  const chosen = layers[index];
  const needsLayer = 'chainID' in pointRow(point).context;
  if (needsLayer && chosen === undefined) {
    throw usageError(`--layer ${layer ?? 0}: the image has ${layers.length} layers, counted from 0`, command);
  }
  return { ...(needsLayer ? chosen : context), ...ownFields(point, context, chosen) };
}

/** Returns the fields that only this point has, as far as bundle and image determine them. */
function ownFields(point: PointName, context: ImageContext, layer: LayerContext | undefined): Fields {
  const { bundle, rootfs, config, manifestDescriptor } = context;
  switch (point) {
    case 'unpack.ociv1.layer.post-extract': {
      const unsettled = { implicitDirectories: [], lowerHardlinks: [] };
      const { diffID, descriptor } = layer ?? {};
      const applied = { digest: descriptor?.digest, diffID, bytes: 0, entries: 0, unsettled };
      return { target: rootfs, format: 'plain', independent: false, applied };
    }
    case 'unpack.ociv1.bundle.config': {
      const file = join(bundle, 'config.json');
      const spec = readRegularFile(file);
      return { spec: spec ? parseJson(file, spec) : generateSpec(context, context) };
    }
    case 'repack.ociv1.layer.delta-list': {
      const manifest = manifestPath(bundle, manifestDescriptor.digest);
      const maskPaths = Object.keys(config.config?.Volumes ?? {});
      return { mtree: existsSync(manifest) ? manifest : null, maskPaths, refresh: false };
    }
    case 'repack.ociv1.layer.refresh-bundle':
      return { changes: [], layer: null };
    default:
      return {};
  }
}

function readContext(file: string | undefined): Fields {
  return file === undefined ? {} : readJson(file);
}

function readJson(file: string): Fields {
  try {
    return parseJson(file, readFileSync(file));
  } catch (error) {
    throw unreadable(file, error);
  }
}

function parseJson(file: string, text: Buffer): Fields {
  try {
    return JSON.parse(text.toString()) as Fields;
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): LayerhookError {
  if (isLayerhookError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new LayerhookError('CONFIG_UNREADABLE', { file, reason }, error);
}

function complete(point: PointName, context: Fields): Fields {
  const row = pointRow(point).context;
  const missing = Object.keys(row).filter((name) => context[name] === undefined);
  if (missing.length > 0) throw usageError(`${point} needs ${missing.join(', ')} in --context`, command);
  const unknown = Object.keys(context).filter((name) => !(name in row));
  if (unknown.length > 0)
    throw usageError(`unknown in the context of ${point}: ${unknown.join(', ')}`, command);
  return context;
}
