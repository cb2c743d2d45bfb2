import { basename } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import type { ImageConfig } from '../image/types.js';
import type { MapOptions } from '../layer/types.js';
import { readInRootfs } from '../system/confined.js';
import { annotationsOf, byBytes } from './annotations.js';
import { defaultSpec } from './defaults.js';
import { toRootless } from './rootless.js';
import type { Mount, RuntimeSpec } from './types.js';
import { resolveUser } from './user.js';

/** Size limit of /etc/passwd and /etc/group, in bytes. Only an attacker makes larger files (CVE-2026-47262). */
const largestUserFile = 8 * 2 ** 20;

export interface SpecOptions {
  /** path of the root filesystem, whose /etc/passwd and /etc/group resolve the user; null: the user must be a number */
  rootfs: string | null;
  map: MapOptions;
}

/**
 * Generates the config.json of a bundle from an image's config: image-spec conversion.md, with umoci's defaults and the
 * same result as umoci. The image controls only the inside of the container: it sets no path or command of the host.
 *
 * @throws LayerhookError IMAGE_INVALID if the config cannot run on Linux: another os, a variable without `=`, an
 *   unknown user; LIMIT_EXCEEDED for an oversized passwd or group file
 */
export function generateSpec(image: { config: ImageConfig }, { rootfs, map }: SpecOptions): RuntimeSpec {
  const { config: document } = image;
  if (document.os !== 'linux')
    throw invalid('os', `it is ${document.os ? `${document.os}, not linux` : 'missing'}`);
  const { config = {} } = document;
  const spec = defaultSpec();
  spec.root.path = rootfs === null ? '.' : basename(rootfs);
  if (config.WorkingDir) spec.process.cwd = config.WorkingDir;
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (args.length > 0) spec.process.args = args;
  spec.process.env = withVariables(spec.process.env, config.Env ?? []);
  setUser(spec, config.User ?? '', rootfs);
  spec.annotations = annotationsOf(document);
  const volumes = Object.keys(config.Volumes ?? {}).sort(byBytes);
  spec.mounts = [...spec.mounts, ...volumes.map(volume)];
  setIdMaps(spec, map);
  return map.rootless ? toRootless(spec) : spec;
}

/** Returns `env` with more variables. A variable that exists already keeps its place and gets the new value. */
function withVariables(env: readonly string[], more: readonly string[]): string[] {
  const byName = new Map(env.map((variable) => [nameOf(variable), variable]));
  for (const variable of more) {
    const name = nameOf(variable);
    if (name === '') throw invalid('Env', `${JSON.stringify(variable)} is malformed: expected NAME=value`);
    byName.set(name, variable);
  }
  return [...byName.values()];
}

function nameOf(variable: string): string {
  return variable.slice(0, Math.max(0, variable.indexOf('=')));
}

function setUser(spec: RuntimeSpec, user: string, rootfs: string | null): void {
  const read = (path: string) =>
    rootfs === null ? undefined : readInRootfs(rootfs, path, largestUserFile)?.toString('utf8');
  const { uid, gid, additionalGids, home } = resolveUser(user, read('/etc/passwd'), read('/etc/group'));
  spec.process.user = additionalGids.length > 0 ? { uid, gid, additionalGids } : { uid, gid };
  const { env } = spec.process;
  if (home !== '' && !env.some((variable) => variable.startsWith('HOME='))) env.push(`HOME=${home}`);
}

function volume(destination: string): Mount {
  const options = ['rw', 'nosuid', 'nodev', 'noexec', 'relatime'];
  return { destination, type: 'tmpfs', source: 'none', options };
}

function setIdMaps({ linux }: RuntimeSpec, { uidMappings, gidMappings }: MapOptions): void {
  if (uidMappings.length > 0) linux.uidMappings = uidMappings;
  if (gidMappings.length > 0) linux.gidMappings = gidMappings;
  if (uidMappings.length > 0 || gidMappings.length > 0) linux.namespaces.push({ type: 'user' });
}

function invalid(what: string, reason: string): LayerhookError {
  return new LayerhookError('IMAGE_INVALID', { what: `${what} of the image`, reason });
}
