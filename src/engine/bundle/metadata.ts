import { lstatSync, type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DriverChoice } from '../../config/types.js';
import { errorCode, reasonOf } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { checkDescriptor } from '../../image/documents.js';
import type { Descriptor } from '../../image/types.js';
import type { IdRange, MapOptions } from '../../layer/types.js';
import type { HookStates } from '../../points/hook-state.js';
import type { HookState } from '../../points/points.js';
import { readRegularFile } from '../../system/regular-file.js';
import { writeFileAtomic } from '../../system/write-file.js';
import { isObject } from '../../text/is-object.js';
import { type Distrust, distrustOf } from '../../text/trust.js';

/** The metadata of a bundle: umoci's umoci.json (version 2) and layerhook.json. */
export interface BundleMeta {
  /** descriptors from index.json to the manifest; umoci's `descriptor_walk` */
  from: [Descriptor, ...Descriptor[]];
  map: MapOptions;
  /** the driver of layerhook.json, unchecked; choose-driver.ts decides what of it counts */
  driver: DriverChoice;
  /** true if a symlink to a directory stayed when a layer had a directory in its place */
  keepDirlinks: boolean;
  /** what hooks keep, by hook; empty if another user may have written it */
  state: Readonly<Record<string, HookState>>;
  /**
   * ID of the boot under which the engine wrote the rootfs; undefined if the rootfs is known to be on disk, or if only the
   * driver knows
   */
  boot?: string | undefined;
  /** absolute path of the layout that the image came from; undefined if unknown, or if another user may have written it */
  layout?: string | undefined;
  /** why another user may have written `driver`; null if only root and this user can write it */
  distrust: Distrust | null;
}

/** The default driver, also for bundles that umoci made. */
export const copyDriver: DriverChoice = { name: 'copy', options: {} };

const umociVersion = '2';
const layerhookVersion = 1;
const maxBytes = 4 << 20;

/** Returns the path of the mtree in a bundle. Its name is the digest of the manifest, as with umoci. */
export function mtreePath(bundle: string, digest: string): string {
  return join(bundle, `${digest.replace(':', '_')}.mtree`);
}

/** Writes layerhook.json, and then umoci.json, which marks the bundle as whole. */
export function writeBundleMeta(bundle: string, meta: Omit<BundleMeta, 'distrust'>): void {
  writeOwnMeta(bundle, meta);
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

/** Writes layerhook.json. */
export function writeOwnMeta(
  bundle: string,
  { driver, keepDirlinks, state, boot, layout }: Omit<OwnMeta, 'distrust'>,
): void {
  const own = {
    version: layerhookVersion,
    driver: storedDriver(driver),
    boot,
    layout,
    ...(keepDirlinks ? { keepDirlinks } : {}),
    ...(Object.keys(state).length === 0 ? {} : { state }),
  };
  writeFileAtomic(join(bundle, 'layerhook.json'), `${JSON.stringify(own)}\n`);
}

/** Writes layerhook.json if a hook has changed its state. A bundle that others may write keeps none. */
export function keepState(bundle: string, meta: BundleMeta, { states }: { states: HookStates }): void {
  if (states.isChanged && meta.distrust === null) writeOwnMeta(bundle, { ...meta, state: states.toJSON() });
}

/** Leaves out a program: hooks.toml alone says what runs. */
function storedDriver({ name, options, asObject = false }: DriverChoice) {
  return { name, options, ...(asObject && { object: true }) };
}

/**
 * Reads a bundle's metadata.
 *
 * @throws LayerhookError BUNDLE_NOT_FOUND (no umoci.json), BUNDLE_INVALID (malformed)
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
  for (const descriptor of walk) requireDescriptor(path, descriptor);
  const map = readMap(umoci.map_options ?? {});
  if (map === undefined) throw invalid(path, 'umoci.json: malformed ID mappings');
  return { from: walk as BundleMeta['from'], map, ...readOwn(path) };
}

/**
 * Refuses a rootfs that another user has replaced by a symlink, which may lead to any directory of the host.
 *
 * @param distrust as {@link readBundleMeta} gives it
 * @throws LayerhookError BUNDLE_INVALID
 */
export function refuseLinkedRootfs(bundle: string, distrust: Distrust | null): void {
  const rootfs = join(bundle, 'rootfs');
  const stat = lstatSync(rootfs, { throwIfNoEntry: false });
  if (!stat?.isSymbolicLink()) return;
  const found = distrust ?? distrustOf(rootfs, stat);
  if (found) throw invalid(bundle, `rootfs is a symlink that others may have made: ${found.reason}`);
}

/** True if a directory holds a bundle, or a part of a bundle that a killed command left. */
export function hasBundle(bundle: string): boolean {
  return isThere(bundle, 'umoci.json') || readRemains(bundle) !== null;
}

/**
 * Reads layerhook.json of an incomplete bundle, which a killed command left: a directory without umoci.json.
 *
 * @returns null if umoci.json exists, or layerhook.json is missing or malformed
 */
export function readRemains(bundle: string): Omit<BundleMeta, 'from'> | null {
  const path = resolve(bundle);
  if (isThere(path, 'umoci.json') || !isThere(path, 'layerhook.json')) return null;
  try {
    return { ...readOwn(path), map: { uidMappings: [], gidMappings: [], rootless: false } };
  } catch {
    return null;
  }
}

function isThere(bundle: string, name: string): boolean {
  return lstatSync(join(bundle, name), { throwIfNoEntry: false }) !== undefined;
}

function requireDescriptor(path: string, value: unknown): void {
  try {
    checkDescriptor(value, 'a descriptor of umoci.json');
  } catch (error) {
    throw new LayerhookError('BUNDLE_INVALID', { path, reason: (error as Error).message }, error);
  }
}

/** @returns undefined for malformed ID mappings: a guess would give files wrong owners */
function readMap(value: unknown): MapOptions | undefined {
  if (!isObject(value)) return undefined;
  const { uid_mappings, gid_mappings, rootless = false } = value;
  const uidMappings = uid_mappings ?? [];
  const gidMappings = gid_mappings ?? [];
  if (!areRanges(uidMappings) || !areRanges(gidMappings) || typeof rootless !== 'boolean') return undefined;
  return { uidMappings, gidMappings, rootless };
}

function areRanges(value: unknown): value is IdRange[] {
  const isID = (id: unknown) => Number.isSafeInteger(id) && (id as number) >= 0;
  const isRange = (range: unknown) =>
    isObject(range) && [range.containerID, range.hostID, range.size].every(isID);
  return Array.isArray(value) && value.every(isRange);
}

type OwnMeta = Pick<BundleMeta, 'driver' | 'keepDirlinks' | 'state' | 'boot' | 'layout' | 'distrust'>;

function readOwn(path: string): OwnMeta {
  const name = 'layerhook.json';
  let distrust = distrustOf(path, statSync(path));
  const own = readJson(path, name, (stat) => {
    distrust ??= distrustOf(join(path, name), stat);
  });
  const driver = own ? driverIn(path, own) : copyDriver;
  const state =
    !distrust && isObject(own?.state) ? Object.entries(own.state).filter(([, each]) => isObject(each)) : [];
  return {
    driver,
    ...(typeof own?.boot === 'string' && { boot: own.boot }),
    ...(!distrust && typeof own?.layout === 'string' && { layout: own.layout }),
    keepDirlinks: own?.keepDirlinks === true,
    state: Object.fromEntries(state) as BundleMeta['state'],
    distrust: distrust ?? null,
  };
}

function driverIn(path: string, own: Record<string, unknown>): DriverChoice {
  const driver = own.driver as (Partial<DriverChoice> & { object?: unknown }) | null | undefined;
  if (own.version !== layerhookVersion)
    throw invalid(path, `layerhook.json has version ${own.version}, not 1`);
  const { name, options = {}, object } = driver ?? {};
  if (typeof name !== 'string') throw invalid(path, 'layerhook.json names no driver');
  if (!isObject(options))
    throw invalid(path, `layerhook.json: the options of driver ${name} are not an object`);
  return { name, options, ...(object === true && { asObject: true }) };
}

function readJson(
  bundle: string,
  name: string,
  onOpen?: (stat: Stats) => void,
): Record<string, unknown> | undefined {
  const bytes = readBytes(bundle, name, onOpen);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (isObject(value)) return value;
  } catch (error) {
    throw new LayerhookError(
      'BUNDLE_INVALID',
      { path: bundle, reason: `${name}: ${(error as Error).message}` },
      error,
    );
  }
  throw invalid(bundle, `${name} is not a JSON object`);
}

function readBytes(bundle: string, name: string, onOpen?: (stat: Stats) => void): Buffer | undefined {
  try {
    return readRegularFile(join(bundle, name), { maxBytes, onOpen });
  } catch (error) {
    const code = errorCode((error as Error).cause);
    if (code === 'ENOTDIR') return undefined;
    // the file system fails, not the bundle
    if (code !== undefined && code !== 'ELOOP') throw error;
    throw new LayerhookError('BUNDLE_INVALID', { path: bundle, reason: reasonOf(error) }, error);
  }
}

function invalid(path: string, reason: string): LayerhookError {
  return new LayerhookError('BUNDLE_INVALID', { path, reason });
}

function orNull(ranges: IdRange[]): IdRange[] | null {
  return ranges.length === 0 ? null : ranges;
}
