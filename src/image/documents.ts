import { LayerhookError } from '../errors/index.js';
import { isObject } from '../text/is-object.js';
import { parseDigest } from './digest.js';
import { MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, ociMediaType } from './media-types.js';
import type { Descriptor, ImageConfig, Index, Manifest } from './types.js';

/**
 * Checks that `value` is an index; image-spec image-index.md. `"manifests": null`, which Go programs write for an
 * empty list, is read as an empty list.
 *
 * @param what names the document in errors
 * @throws LayerhookError IMAGE_INVALID, DIGEST_INVALID
 */
export function checkIndex(value: unknown, what: string): Index {
  const index = checkObject(value, what);
  checkVersion(index, what);
  refuseAliens(index, ['config', 'layers'], what);
  if (index.mediaType !== undefined && ociMediaType(String(index.mediaType)) !== MEDIA_TYPE_INDEX) {
    throw invalid(what, `its mediaType is ${index.mediaType}`);
  }
  index.manifests = checkDescriptors(index.manifests ?? [], `manifests of ${what}`);
  if (isGiven(index.subject)) checkDescriptor(index.subject, `subject of ${what}`);
  checkFields(index, ['artifactType'], isString, what);
  checkAnnotations(index.annotations, what);
  return index as unknown as Index;
}

/**
 * Checks that `value` is a manifest; image-spec manifest.md.
 *
 * @param what names the document in errors
 * @throws LayerhookError IMAGE_INVALID, DIGEST_INVALID
 */
export function checkManifest(value: unknown, what: string): Manifest {
  const manifest = checkObject(value, what);
  checkVersion(manifest, what);
  refuseAliens(manifest, ['manifests'], what);
  if (manifest.mediaType !== undefined && ociMediaType(String(manifest.mediaType)) !== MEDIA_TYPE_MANIFEST) {
    throw invalid(what, `its mediaType is ${manifest.mediaType}`);
  }
  checkDescriptor(manifest.config, `config of ${what}`);
  manifest.layers = checkDescriptors(manifest.layers ?? [], `layers of ${what}`);
  if (isGiven(manifest.subject)) checkDescriptor(manifest.subject, `subject of ${what}`);
  checkFields(manifest, ['artifactType'], isString, what);
  checkAnnotations(manifest.annotations, what);
  return manifest as unknown as Manifest;
}

/**
 * Checks that `value` is an image config; image-spec config.md.
 *
 * @param what names the document in errors
 * @throws LayerhookError IMAGE_INVALID, DIGEST_INVALID
 */
export function checkConfig(value: unknown, what: string): ImageConfig {
  const config = checkObject(value, what);
  checkPlatform(config, what);
  checkFields(config, ['created', 'author'], isString, what);
  const rootfs = checkObject(config.rootfs, `rootfs of ${what}`);
  if (rootfs.type !== 'layers') throw invalid(what, `its rootfs type is ${JSON.stringify(rootfs.type)}`);
  rootfs.diff_ids ??= [];
  if (!Array.isArray(rootfs.diff_ids)) throw invalid(what, 'its diff_ids are not a list');
  for (const diffID of rootfs.diff_ids) parseDigest(diffID);
  if (isGiven(config.config)) checkExecution(config.config, `config of ${what}`);
  checkHistory(config.history, what);
  return config as unknown as ImageConfig;
}

/**
 * Checks one descriptor; image-spec descriptor.md.
 *
 * @param what names the descriptor in errors
 * @throws LayerhookError IMAGE_INVALID (also for a negative or absurd size), DIGEST_INVALID
 */
export function checkDescriptor(value: unknown, what: string): Descriptor {
  const descriptor = checkObject(value, what);
  if (typeof descriptor.mediaType !== 'string') throw invalid(what, 'its mediaType is not a string');
  parseDigest(descriptor.digest);
  if (!Number.isSafeInteger(descriptor.size) || (descriptor.size as number) < 0) {
    throw invalid(what, `its size is ${showValue(descriptor.size)}`);
  }
  checkFields(descriptor, ['data', 'artifactType'], isString, what);
  checkFields(descriptor, ['urls'], isStrings, what);
  if (isGiven(descriptor.platform)) checkPlatform(descriptor.platform, `platform of ${what}`);
  checkAnnotations(descriptor.annotations, what);
  return descriptor as unknown as Descriptor;
}

function checkDescriptors(value: unknown, what: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(what, 'it is not a list');
  return value.map((item, at) => checkDescriptor(item, `${what}[${at}]`));
}

function checkVersion(document: Record<string, unknown>, what: string): void {
  if (document.schemaVersion !== 2)
    throw invalid(what, `its schemaVersion is ${showValue(document.schemaVersion)}`);
}

/**
 * Refuses fields that belong to the other kind of document (CVE-2021-41190), and known fields in another case: Go
 * programs read `Layers` as `layers`, so two readers would see two different images.
 */
function refuseAliens(document: Record<string, unknown>, aliens: string[], what: string): void {
  const known = new Set(['mediatype', 'config', 'layers', 'manifests']);
  for (const field of Object.keys(document)) {
    const lower = field.toLowerCase();
    const isOdd = known.has(lower) && field !== lower && field !== 'mediaType';
    if (isOdd || aliens.includes(field)) throw invalid(what, `it has a field ${JSON.stringify(field)}`);
  }
}

function checkPlatform(value: unknown, what: string): void {
  const platform = checkObject(value, what);
  for (const field of ['architecture', 'os']) {
    if (typeof platform[field] !== 'string') throw invalid(what, `its ${field} is not a string`);
  }
  checkFields(platform, ['os.version', 'variant'], isString, what);
  checkFields(platform, ['os.features'], isStrings, what);
}

function checkExecution(value: unknown, what: string): void {
  const config = checkObject(value, what);
  checkFields(config, ['User', 'WorkingDir', 'StopSignal'], isString, what);
  checkFields(config, ['Env', 'Entrypoint', 'Cmd'], isStrings, what);
  checkFields(config, ['ExposedPorts', 'Volumes'], isObject, what);
  checkFields(config, ['Labels'], (labels) => isObject(labels) && isStrings(Object.values(labels)), what);
}

function checkHistory(value: unknown, what: string): void {
  if (!isGiven(value)) return;
  if (!Array.isArray(value)) throw invalid(what, 'its history is not a list');
  for (const entry of value) {
    const fields = checkObject(entry, `history of ${what}`);
    checkFields(fields, ['created', 'author', 'created_by', 'comment'], isString, `history of ${what}`);
  }
}

function checkFields(
  object: Record<string, unknown>,
  names: string[],
  isRight: (value: unknown) => boolean,
  what: string,
): void {
  const wrong = names.find((name) => isGiven(object[name]) && !isRight(object[name]));
  if (wrong !== undefined) throw invalid(what, `its ${wrong} is ${showValue(object[wrong])}`);
}

function checkAnnotations(value: unknown, what: string): void {
  if (!isGiven(value)) return;
  const annotations = checkObject(value, `annotations of ${what}`);
  if (!isStrings(Object.values(annotations))) throw invalid(what, 'its annotations are not all strings');
}

function checkObject(value: unknown, what: string): Record<string, unknown> {
  if (!isObject(value)) throw invalid(what, 'it is not a JSON object');
  return value;
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function showValue(value: unknown): string {
  return (JSON.stringify(value) ?? 'missing').slice(0, 100);
}

function invalid(what: string, reason: string): LayerhookError {
  return new LayerhookError('IMAGE_INVALID', { what, reason });
}
