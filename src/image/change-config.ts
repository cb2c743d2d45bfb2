import { normalizeTime } from './time.js';
import type { ExecutionConfig, ImageConfig, Platform } from './types.js';

/** The fields that can be cleared, as umoci-config(1) names them. */
export const clearable = [
  'config.labels',
  'config.env',
  'config.exposedports',
  'config.volume',
  'config.cmd',
  'config.entrypoint',
  'manifest.annotations',
] as const;
export type Clearable = (typeof clearable)[number];

/**
 * A change of an image's config and of its manifest's annotations; image-spec config.md and annotations.md. A missing field
 * stays, and an empty string removes the field.
 */
export interface ConfigChange {
  /** fields that are emptied before the other changes */
  clear?: readonly Clearable[] | undefined;
  /** RFC 3339 */
  created?: string | undefined;
  author?: string | undefined;
  platform?: Partial<Pick<Platform, 'os' | 'architecture' | 'variant'>> | undefined;
  user?: string | undefined;
  workingDir?: string | undefined;
  stopSignal?: string | undefined;
  /** replaces the list */
  entrypoint?: readonly string[] | undefined;
  /** replaces the list */
  cmd?: readonly string[] | undefined;
  /** added; a variable that exists keeps its position and gets the new value */
  env?: Readonly<Record<string, string>> | undefined;
  /** added, such as `8080/tcp` */
  exposedPorts?: readonly string[] | undefined;
  /** added: paths in the container */
  volumes?: readonly string[] | undefined;
  /** added */
  labels?: Readonly<Record<string, string>> | undefined;
  /** added to the annotations of the manifest */
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** Returns the changed config. Unknown fields and the order of the fields stay. */
export function changeConfig(image: ImageConfig, change: ConfigChange): ImageConfig {
  const { created, author, platform = {} } = change;
  const config = changeExecution(image.config ?? {}, change);
  const changed = {
    ...image,
    ...given({ created: created === undefined ? created : normalizeTime(created), author, ...platform }),
    ...(image.config || Object.keys(config).length > 0 ? { config } : {}),
  };
  return withoutEmpty(changed, ['author', 'variant']);
}

/** Returns the changed annotations of a manifest; undefined if none are left. */
export function changeAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  { clear = [], annotations: added = {} }: ConfigChange,
): Record<string, string> | undefined {
  const changed = { ...(clear.includes('manifest.annotations') ? {} : annotations), ...added };
  return Object.keys(changed).length > 0 ? changed : undefined;
}

function changeExecution(config: ExecutionConfig, change: ConfigChange): ExecutionConfig {
  const { clear = [], user, workingDir, stopSignal, entrypoint, cmd } = change;
  const kept = (field: Clearable, key: keyof ExecutionConfig) =>
    clear.includes(field) ? undefined : config[key];
  const changed: ExecutionConfig = {
    ...config,
    ...given({ User: user, WorkingDir: workingDir, StopSignal: stopSignal }),
    ExposedPorts: withKeys(kept('config.exposedports', 'ExposedPorts'), change.exposedPorts),
    Env: withVariables(kept('config.env', 'Env'), change.env),
    Entrypoint: [...(entrypoint ?? list(kept('config.entrypoint', 'Entrypoint')))],
    Cmd: [...(cmd ?? list(kept('config.cmd', 'Cmd')))],
    Volumes: withKeys(kept('config.volume', 'Volumes'), change.volumes),
    Labels: { ...(kept('config.labels', 'Labels') as ExecutionConfig['Labels']), ...change.labels },
  };
  return withoutEmpty(changed, Object.keys(changed));
}

function withKeys(before: unknown, keys: readonly string[] = []): Record<string, object> {
  return {
    ...Object.fromEntries(keys.map((key) => [key, {}])),
    ...(before as Record<string, object> | null),
  };
}

function withVariables(before: unknown, variables: Readonly<Record<string, string>> = {}): string[] {
  const changed = list(before);
  for (const [name, value] of Object.entries(variables)) {
    const at = changed.findIndex((variable) => variable.startsWith(`${name}=`));
    changed.splice(at === -1 ? changed.length : at, 1, `${name}=${value}`);
  }
  return changed;
}

function list(value: unknown): string[] {
  return [...((value as string[] | null | undefined) ?? [])];
}

function given<T extends object>(values: T): Partial<{ [K in keyof T]: Exclude<T[K], undefined> }> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Drops fields whose value is an empty string, list or object, as umoci writes them. */
function withoutEmpty<T extends object>(object: T, fields: readonly string[]): T {
  const isEmpty = (value: unknown) =>
    value === '' || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
  return Object.fromEntries(
    Object.entries(object).filter(([key, value]) => !(fields.includes(key) && isEmpty(value))),
  ) as T;
}
