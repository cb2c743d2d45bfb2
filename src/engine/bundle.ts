import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DriverChoice } from '../config/types.js';
import { LayerhookError } from '../errors/index.js';
import type { Descriptor } from '../image/types.js';
import type { IdRange, MapOptions } from '../layer/types.js';
import { writeFileAtomic } from './write-file.js';

/** What a bundle remembers of its making: umoci's umoci.json (version 2) and our layerhook.json. */
export interface BundleMeta {
  /** from index.json to the manifest; umoci's `descriptor_walk` */
  from: [Descriptor, ...Descriptor[]];
  map: MapOptions;
  driver: DriverChoice;
}

/** The default, and what a bundle made by umoci is taken for. */
export const copyDriver: DriverChoice = { name: 'copy', options: {} };

const umociVersion = '2';
const layerhookVersion = 1;

/** Path of the mtree manifest in a bundle, named as umoci does by the digest of the image manifest. */
export function manifestPath(bundle: string, digest: string): string {
  return join(bundle, `${digest.replace(':', '_')}.mtree`);
}

/** Writes umoci.json (last: it says that the bundle is whole) and layerhook.json. */
export function writeBundleMeta(bundle: string, meta: BundleMeta): void {
  writeFileAtomic(
    join(bundle, 'layerhook.json'),
    `${JSON.stringify({ version: layerhookVersion, driver: meta.driver })}\n`,
  );
  const umoci = {
    umoci_version: umociVersion,
    from_descriptor_path: { descriptor_walk: meta.from },
    map_options: {
      uid_mappings: orNull(meta.map.uidMappings),
      gid_mappings: orNull(meta.map.gidMappings),
      rootless: meta.map.rootless,
    },
  };
  writeFileAtomic(join(bundle, 'umoci.json'), `${JSON.stringify(umoci)}\n`);
}

/**
 * Reads a bundle's metadata.
 *
 * @throws LayerhookError BUNDLE_NOT_FOUND (no umoci.json), BUNDLE_INVALID (not understood)
 */
export function readBundleMeta(bundle: string): BundleMeta {
  const path = resolve(bundle);
  const umoci = readJson(path, 'umoci.json');
  if (!umoci) throw new LayerhookError('BUNDLE_NOT_FOUND', { path, reason: 'it has no umoci.json' });
  const walk = (umoci.from_descriptor_path as { descriptor_walk?: unknown } | undefined)?.descriptor_walk;
  if (umoci.umoci_version !== umociVersion)
    throw invalid(path, `umoci.json has version ${umoci.umoci_version}, not 2`);
  if (umoci.whiteout_mode)
    throw invalid(path, 'umoci.json sets whiteout_mode, which never worked (umoci#574)');
  if (!Array.isArray(walk) || walk.length === 0) throw invalid(path, 'umoci.json names no image manifest');
  return { from: walk as BundleMeta['from'], map: readMap(umoci.map_options), driver: readDriver(path) };
}

function readMap(value: unknown): MapOptions {
  const map = (value ?? {}) as {
    uid_mappings?: IdRange[] | null;
    gid_mappings?: IdRange[] | null;
    rootless?: boolean;
  };
  return {
    uidMappings: map.uid_mappings ?? [],
    gidMappings: map.gid_mappings ?? [],
    rootless: map.rootless === true,
  };
}

function readDriver(path: string): DriverChoice {
  const own = readJson(path, 'layerhook.json');
  if (!own) return copyDriver;
  const driver = own.driver as DriverChoice | undefined;
  if (own.version !== layerhookVersion)
    throw invalid(path, `layerhook.json has version ${own.version}, not 1`);
  if (typeof driver?.name !== 'string') throw invalid(path, 'layerhook.json names no driver');
  return { name: driver.name, options: driver.options ?? {} };
}

function readJson(bundle: string, name: string): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(join(bundle, name), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LayerhookError('BUNDLE_INVALID', { path: bundle, reason: (error as Error).message }, error);
  }
  try {
    const value = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new LayerhookError(
      'BUNDLE_INVALID',
      { path: bundle, reason: `${name}: ${(error as Error).message}` },
      error,
    );
  }
  throw invalid(bundle, `${name} is no JSON object`);
}

function invalid(path: string, reason: string): LayerhookError {
  return new LayerhookError('BUNDLE_INVALID', { path, reason });
}

function orNull(ranges: IdRange[]): IdRange[] | null {
  return ranges.length === 0 ? null : ranges;
}
