import { LayerhookError } from '../errors/index.js';
import { isObject } from '../text/is-object.js';
import { JsonNumber } from '../text/json-lossless.js';
import { parseDigest } from './digest.js';
import { indexMediaType, manifestMediaType, ociMediaType } from './media-types.js';
import type { Descriptor, ImageConfig, Index, Manifest } from './types.js';

/*
 * Checks of the documents of an image. One rule for all: null, missing and empty mean the same, unless the spec
 * requires a value. Go programs write any of the three for "nothing". A check changes the parsed document: it removes
 * known fields that are null, and adds lists that the spec requires. In a list or a map of strings, null is an empty
 * string. Unknown fields stay unchanged.
 */

/** Checks a value that is neither null nor missing. @throws LayerhookError IMAGE_INVALID, DIGEST_INVALID */
type Check = (value: unknown, what: string) => void;
type Fields = Record<string, unknown>;

/**
 * Checks that `value` is an index; image-spec image-index.md.
 *
 * @param what names the document in errors
 * @throws LayerhookError IMAGE_INVALID, DIGEST_INVALID
 */
export function checkIndex(value: unknown, what: string): Index {
  const index = checkDocument(value, indexMediaType, ['config', 'layers'], what);
  index.manifests ??= [];
  checkFields(index, { manifests: checkDescriptors }, what);
  return index as unknown as Index;
}

/**
 * Checks that `value` is a manifest; image-spec manifest.md.
 *
 * @param what names the document in errors
 * @throws LayerhookError IMAGE_INVALID, DIGEST_INVALID
 */
export function checkManifest(value: unknown, what: string): Manifest {
  const manifest = checkDocument(value, manifestMediaType, ['manifests'], what);
  checkDescriptor(manifest.config, `config of ${what}`);
  manifest.layers ??= [];
  checkFields(manifest, { layers: checkDescriptors }, what);
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
  checkFields(
    config,
    { created: checkString, author: checkString, config: checkExecution, history: checkHistory },
    what,
  );
  const rootfs = checkObject(config.rootfs, `rootfs of ${what}`);
  if (rootfs.type !== 'layers') throw invalid(what, `its rootfs type is ${showValue(rootfs.type)}`);
  rootfs.diff_ids ??= [];
  if (!Array.isArray(rootfs.diff_ids)) throw invalid(what, 'its diff_ids are not a list');
  for (const diffID of rootfs.diff_ids) parseDigest(diffID);
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
  if (typeof descriptor.mediaType !== 'string' || descriptor.mediaType === '') {
    throw invalid(what, `its mediaType is ${showValue(descriptor.mediaType)}`);
  }
  parseDigest(descriptor.digest);
  if (!Number.isSafeInteger(descriptor.size) || (descriptor.size as number) < 0) {
    throw invalid(what, `its size is ${showValue(descriptor.size)}`);
  }
  checkFields(
    descriptor,
    {
      data: checkString,
      artifactType: checkString,
      urls: checkStrings,
      platform: checkPlatform,
      annotations: checkStringMap,
    },
    what,
  );
  return descriptor as unknown as Descriptor;
}

function checkDescriptors(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw invalid(what, 'it is not a list');
  value.forEach((item, at) => {
    checkDescriptor(item, `${what}[${at}]`);
  });
}

/** Checks the fields that an index and a manifest have in common. @param aliens fields of the other kind */
function checkDocument(value: unknown, mediaType: string, aliens: string[], what: string): Fields {
  const document = checkObject(value, what);
  document.schemaVersion ||= 2;
  if (document.schemaVersion !== 2) {
    throw invalid(what, `its schemaVersion is ${showValue(document.schemaVersion)}`);
  }
  refuseAliens(document, aliens, what);
  if (document.mediaType === '') delete document.mediaType;
  checkFields(
    document,
    {
      mediaType: checkString,
      artifactType: checkString,
      subject: checkDescriptor,
      annotations: checkStringMap,
    },
    what,
  );
  if (document.mediaType !== undefined && ociMediaType(String(document.mediaType)) !== mediaType) {
    throw invalid(what, `its mediaType is ${document.mediaType}`);
  }
  return document;
}

/**
 * Refuses fields that belong to the other kind of document (CVE-2021-41190), and known fields in another case: Go
 * programs read `Layers` as `layers`, so two readers would see two different images.
 */
function refuseAliens(document: Fields, aliens: string[], what: string): void {
  const known = new Set(['mediatype', 'config', 'layers', 'manifests']);
  for (const field of Object.keys(document)) {
    const lower = field.toLowerCase();
    const isOdd = known.has(lower) && field !== lower && field !== 'mediaType';
    const isAlien = aliens.includes(field) && document[field] !== null;
    if (isOdd || isAlien) throw invalid(what, `it has a field ${JSON.stringify(field)}`);
  }
}

function checkPlatform(value: unknown, what: string): void {
  checkFields(
    checkObject(value, what),
    {
      architecture: checkString,
      os: checkString,
      'os.version': checkString,
      'os.features': checkStrings,
      variant: checkString,
    },
    what,
  );
}

function checkExecution(value: unknown, what: string): void {
  checkFields(
    checkObject(value, what),
    {
      User: checkString,
      ExposedPorts: checkObject,
      Env: checkStrings,
      Entrypoint: checkStrings,
      Cmd: checkStrings,
      Volumes: checkObject,
      WorkingDir: checkString,
      Labels: checkStringMap,
      StopSignal: checkString,
    },
    what,
  );
}

/** Checks the history. A null entry, as Go programs can write it, becomes an empty one. */
function checkHistory(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw invalid(what, 'it is not a list');
  value.forEach((entry, at) => {
    value[at] = checkObject(entry ?? {}, `${what}[${at}]`);
    checkFields(
      value[at],
      { created: checkString, author: checkString, created_by: checkString, comment: checkString },
      what,
    );
  });
}

/** Checks the given fields of an object, and removes those that are null. */
function checkFields(object: Fields, checks: Readonly<Record<string, Check>>, what: string): void {
  for (const [name, check] of Object.entries(checks)) {
    if (object[name] === null) delete object[name];
    else if (object[name] !== undefined) check(object[name], `${name} of ${what}`);
  }
}

function checkObject(value: unknown, what: string): Fields {
  if (!isObject(value) || value instanceof JsonNumber)
    throw invalid(what, value == null ? 'it is missing' : 'it is not a JSON object');
  return value;
}

function checkString(value: unknown, what: string): void {
  if (typeof value !== 'string') throw invalid(what, `it is ${showValue(value)}, not a string`);
}

/** Checks a list of strings. A null in it becomes an empty string, as Go reads it. */
function checkStrings(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw invalid(what, `it is ${showValue(value)}, not a list`);
  value.forEach((item, at) => {
    if (item === null) value[at] = '';
    else checkString(item, `${what}[${at}]`);
  });
}

/** Checks a map of strings. A null in it becomes an empty string, as Go reads it. */
function checkStringMap(value: unknown, what: string): void {
  for (const [key, item] of Object.entries(checkObject(value, what))) {
    if (item === null) (value as Fields)[key] = '';
    else checkString(item, `${JSON.stringify(key).slice(0, 100)} of ${what}`);
  }
}

function showValue(value: unknown): string {
  return (value == null || value === '' ? 'missing' : JSON.stringify(value)).slice(0, 100);
}

function invalid(what: string, reason: string): LayerhookError {
  return new LayerhookError('IMAGE_INVALID', { what, reason });
}
