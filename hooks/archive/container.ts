import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { isLayerhookError, LayerhookError, readRegularFile, reasonOf } from 'layerhook';

/** A mount as config.json has it; runtime-spec config.md, "Mounts". */
export interface SpecMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/** A stopped container, described by its runtime and its config.json. */
export interface Container {
  id: string;
  bundle: string;
  /** complete, from the runtime */
  state: Record<string, unknown>;
  /** annotations of config.json, then those of the state with other names */
  annotations: Record<string, string>;
  mounts: SpecMount[];
  /** absolute path of the root filesystem, or '' */
  rootfs: string;
  /** when config.json was written, in nanoseconds: engines write it at each start */
  started: string;
}

/**
 * Reads the state that a hook receives (runtime-spec runtime.md, "State"), and the config.json of its bundle.
 *
 * @throws LayerhookError ARCHIVE_CONTAINER
 */
export function readContainer(text: string): Container {
  const state = parse(text, 'the state of the container');
  const { id, bundle } = state;
  if (typeof id !== 'string' || id === '') throw unusable('the state of the container has no id');
  if (typeof bundle !== 'string' || bundle === '')
    throw unusable(`the state of container ${id} names no bundle`);
  if (!isAbsolute(bundle)) throw unusable(`the bundle ${bundle} of container ${id} is relative`);
  const file = join(bundle, 'config.json');
  const spec = parse(readConfig(file, id), file);
  return {
    id,
    bundle,
    state,
    annotations: { ...texts(state.annotations), ...texts(spec.annotations) },
    mounts: readMounts(spec.mounts),
    rootfs: readRootfs(spec.root, bundle),
    started: String(statSync(file, { bigint: true }).mtimeNs),
  };
}

/** Returns the directories on the host that a container could write to: its rootfs, and the sources of writable mounts. */
export function writablePaths({ rootfs, mounts }: Container): string[] {
  const sources = mounts
    .filter(({ source, options }) => isAbsolute(source) && !isReadOnly(options))
    .map(({ source }) => source);
  return rootfs === '' ? sources : [rootfs, ...sources];
}

function isReadOnly(options: readonly string[]): boolean {
  return ['ro', 'rro'].includes(options.findLast((option) => /^(?:ro|rro|rw)$/.test(option)) ?? 'rw');
}

function readConfig(file: string, id: string): string {
  const fail = (why: string | number | undefined, cause?: unknown) =>
    unusable(`the state of container ${id} leads to ${file}, which cannot be read: ${why}`, cause);
  let bytes: Buffer | undefined;
  try {
    bytes = readRegularFile(file, { follow: true });
  } catch (error) {
    const reason = isLayerhookError(error) ? (error.details.reason ?? error.message) : reasonOf(error);
    throw fail(reason, error);
  }
  if (bytes === undefined) throw fail('it does not exist');
  return bytes.toString();
}

function parse(text: string, what: string): Record<string, unknown> {
  if (text.trim() === '') throw unusable(`${what} is empty`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable(`${what} is not JSON: ${(error as Error).message}`, error);
  }
  if (!isObject(value)) throw unusable(`${what} is not a JSON object`);
  return value;
}

function readMounts(mounts: unknown): SpecMount[] {
  if (!Array.isArray(mounts)) return [];
  return mounts.filter(isObject).map(({ destination, type, source, options }) => ({
    destination: text(destination),
    type: text(type),
    source: text(source),
    options: Array.isArray(options) ? options.filter((option) => typeof option === 'string') : [],
  }));
}

function readRootfs(root: unknown, bundle: string): string {
  const path = isObject(root) ? text(root.path) : '';
  if (path === '') return '';
  return isAbsolute(path) ? path : join(bundle, path);
}

function texts(value: unknown): Record<string, string> {
  const rows = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(rows.filter((row): row is [string, string] => typeof row[1] === 'string'));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('ARCHIVE_CONTAINER', { reason }, cause);
}
