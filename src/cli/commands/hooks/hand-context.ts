import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BundleMeta, mtreePath, readBundleMeta } from '../../../engine/bundle/metadata.js';
import type { OpenedImage } from '../../../engine/open-image.js';
import { type Operation, unmapped } from '../../../engine/operation.js';
import { reasonOf } from '../../../errors/fs-error.js';
import { isLayerhookError, LayerhookError, limitTable } from '../../../errors/index.js';
import { openLayout } from '../../../image/layout.js';
import { parseImageReference, tagOf } from '../../../image/references.js';
import { loadImage, resolveReference } from '../../../image/resolve.js';
import {
  appliedNothing,
  type ContextBase,
  type FieldName,
  type FieldValue,
  fieldsFor,
  imageContext,
  layerContexts,
} from '../../../points/contexts.js';
import type { ImageContext, LayerContext, PointName } from '../../../points/points.js';
import { pointRow } from '../../../points/table.js';
import { generateSpec } from '../../../spec/generate.js';
import { readRegularFile } from '../../../system/regular-file.js';
import { removeTree } from '../../../system/remove.js';
import { formatCounted } from '../../../text/counted.js';
import { usageError } from '../../args/usage.js';
import { readInput } from '../../files/input.js';
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
export async function contextByHand(
  point: PointName,
  options: HandOptions,
  meta: BundleMeta | undefined,
  operation: Operation,
): Promise<{ context: Fields; dispose: () => void }> {
  const given = await readContext(options.context, operation.stop.signal);
  const needed = Object.keys(pointRow(point).context);
  const scope = { log: operation.log, signal: operation.stop.signal };
  if (!needed.includes('bundle')) return withoutBundle(point, options, { ...scope, ...given });
  const { bundle, dispose } = bundleOf(point, options.bundle);
  try {
    const base = {
      ...scope,
      bundle,
      rootfs: join(bundle, 'rootfs'),
      map: meta?.map ?? unmapped,
      keepDirlinks: meta?.keepDirlinks ?? false,
    };
    const fields = needed.includes('manifest') ? withImage(point, base, meta, options, operation) : base;
    const context = fieldsFor(point, { claim: false, state: {}, ...fields });
    return { context: complete(point, { ...context, ...given }), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The context of a point that has no bundle. */
function withoutBundle(
  point: PointName,
  { image, layer }: HandOptions,
  given: Fields,
): { context: Fields; dispose: () => void } {
  if (pointRow(point).stage !== 'snapshot' || image === undefined)
    return { context: complete(point, given), dispose() {} };
  const { fields, dispose } = snapshotByHand(image, Number(layer ?? 0));
  try {
    return { context: complete(point, { ...fieldsFor(point, fields), ...given }), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Reads the metadata of the bundle. Returns undefined at points of unpack if the bundle has none yet. */
export function metaByHand(point: PointName, { bundle }: HandOptions): BundleMeta | undefined {
  if (bundle === undefined) return undefined;
  if (pointRow(point).stage === 'unpack' && !existsSync(join(bundle, 'umoci.json'))) return undefined;
  return readBundleMeta(bundle);
}

function bundleOf(point: PointName, bundle: string | undefined): { bundle: string; dispose: () => void } {
  if (bundle !== undefined) return { bundle: resolve(bundle), dispose() {} };
  if (pointRow(point).stage !== 'unpack') throw usageError(`${point} needs --bundle`, command);
  const made = mkdtempSync(join(tmpdir(), 'layerhook-run-'));
  mkdirSync(join(made, 'rootfs'), { mode: 0o755 });
  // not through the mounts of a hook
  return { bundle: made, dispose: () => void removeTree(made) };
}

function withImage(
  point: PointName,
  base: ContextBase,
  meta: BundleMeta | undefined,
  { image: reference, layer }: HandOptions,
  operation: Operation,
): Fields {
  if (reference === undefined) throw usageError(`${point} needs --image`, command);
  const { path, tag } = parseImageReference(reference);
  const layout = openLayout(path);
  const image =
    meta === undefined
      ? resolveReference(layout, tag)
      : loadImage(layout, tagOf(meta.from[0]) ?? '', meta.from);
  const context = imageContext(base, layout, image);
  const layers = layerContexts(context);
  const index = Number(layer ?? 0);
  const chosen = layers[index];
  const needsLayer = 'chainID' in pointRow(point).context;
  if (needsLayer && chosen === undefined) {
    throw usageError(
      `--layer ${layer ?? 0}: the image has ${formatCounted(layers.length, 'layers')}, counted from 0`,
      command,
    );
  }
  const own = ownFields(context, { layout, image }, chosen, operation);
  const values = Object.entries(own)
    .filter(([name]) => name in pointRow(point).context)
    .map(([name, make]) => [name, make()]);
  return { ...(needsLayer ? chosen : context), ...Object.fromEntries(values) };
}

/** Returns the fields that only this point has. Fields that neither bundle nor image can give are missing. */
function ownFields(
  context: ImageContext,
  opened: OpenedImage,
  layer: LayerContext | undefined,
  operation: Operation,
): { [F in FieldName]?: () => FieldValue<F> } {
  const { rootfs, config } = context;
  return {
    into: () => 'rootfs',
    target: () => rootfs,
    whiteouts: () => null,
    entries: () => null,
    applied: () => appliedNothing(layer!),
    writeMtree: () => async (file) => {
      const { recordLayer } = await import('../../../engine/verify-layer.js');
      return recordLayer(rootfs, file);
    },
    extractAgain: () => async () => {
      throw new Error(
        "hooks run has into: 'rootfs', and only a layer with into: 'directory' can be extracted again",
      );
    },
    spec: () => specOf(context),
    mtree: () => mtreeOf(context),
    maskPaths: () => Object.keys(config.config?.Volumes ?? {}),
    refresh: () => false,
    changes: () => [],
    layer: () => null,
    unpackLayer: () => async () => {
      const { unpackTopLayer } = await import('../../../engine/repack/refresh.js');
      await unpackTopLayer(operation, context, opened);
    },
  };
}

/** Returns the config.json of a bundle; without one, a generated one. */
function specOf(context: ImageContext): FieldValue<'spec'> {
  const file = join(context.bundle, 'config.json');
  const spec = readRegularFile(file);
  return spec ? parseJson(file, spec) : { ...generateSpec(context, context) };
}

function mtreeOf({ bundle, manifestDescriptor }: ImageContext): string | null {
  const file = mtreePath(bundle, manifestDescriptor.digest);
  return existsSync(file) ? file : null;
}

async function readContext(file: string | undefined, signal: AbortSignal): Promise<Fields> {
  if (file === undefined) return {};
  try {
    return parseJson(file, await readInput(file, { what: file, maxBytes: limitTable.json.default, signal }));
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
  const reason = reasonOf(error);
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
