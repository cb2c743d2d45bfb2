import { utf8 } from '../text/json-bytes.js';
import { hooksAnnotation } from './merge.js';

/** The facts about a container that conditions of hooks use. */
export interface Container {
  annotations: ReadonlyMap<string, string>;
  /** `process.args[0]` */
  command: string | undefined;
  /** True if its user asked for bind mounts of the host. */
  hasBindMounts: boolean;
}

/** Destinations of the mounts that engines add to every container. */
const engineMounts = new Set([
  '/dev/mqueue',
  '/dev/pts',
  '/dev/shm',
  '/etc/group',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/passwd',
  '/etc/resolv.conf',
  '/proc',
  '/run/.containerenv',
  '/run/secrets',
  '/sys',
  '/sys/fs/cgroup',
]);

interface Spec {
  annotations?: Record<string, unknown> | null;
  process?: { args?: unknown[] | null } | null;
  mounts?: { destination?: unknown; type?: unknown; options?: unknown[] | null }[] | null;
}

/**
 * Reads the facts from a config.json. It does not distinguish mounts of the user from mounts of the engine, so all bind
 * mounts count except those that engines add to every container.
 *
 * @param spec a config.json, as parseJson returns it
 */
export function readContainer(spec: unknown): Container {
  const { annotations, process, mounts } = (spec ?? {}) as Spec;
  const own = Object.entries(annotations ?? {}).filter(
    (entry): entry is [string, string] => entry[0] !== hooksAnnotation && typeof entry[1] === 'string',
  );
  const command = process?.args?.[0];
  return {
    annotations: new Map(own.map(([key, value]) => [utf8(key), utf8(value)])),
    command: typeof command === 'string' ? utf8(command) : undefined,
    hasBindMounts: Array.isArray(mounts) && mounts.some(isUsersBindMount),
  };
}

function isUsersBindMount({ destination, type, options }: NonNullable<Spec['mounts']>[number]): boolean {
  const isBind = type === 'bind' || (options ?? []).some((option) => option === 'bind' || option === 'rbind');
  return isBind && typeof destination === 'string' && !engineMounts.has(destination);
}
