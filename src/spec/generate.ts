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

/** Larger than any real one; what is above it comes from an attacker (CVE-2026-47262). */
const largestUserFile = 8 * 2 ** 20;

export interface SpecOptions {
  /** the unpacked root filesystem; its /etc/passwd and /etc/group say who the user is */
  rootfs: string;
  map: MapOptions;
}

/**
 * Makes the config.json of a bundle out of an image's config: image-spec conversion.md, with umoci's defaults
 * and umoci's result. The image only says what happens inside the container: no path or command of the host
 * comes from it.
 *
 * @throws LayerhookError IMAGE_INVALID when the config cannot be run on Linux: another os, a variable without
 *   `=`, an unknown user; LIMIT_EXCEEDED for an oversized passwd or group file
 */
export function generateSpec(image: { config: ImageConfig }, { rootfs, map }: SpecOptions): RuntimeSpec {
  const { config: document } = image;
  if (document.os !== 'linux') throw invalid('os', `it is for ${document.os || 'no os'}, not linux`);
  const { config = {} } = document;
  const spec = defaultSpec();
  spec.root.path = basename(rootfs);
  if (config.WorkingDir) spec.process.cwd = config.WorkingDir;
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (args.length > 0) spec.process.args = args;
  for (const variable of config.Env ?? []) setVariable(spec.process.env, variable);
  setUser(spec, config.User ?? '', rootfs);
  spec.annotations = annotationsOf(document);
  spec.mounts.push(
    ...Object.keys(config.Volumes ?? {})
      .sort(byBytes)
      .map(volume),
  );
  setIdMaps(spec, map);
  return map.rootless ? toRootless(spec) : spec;
}

function setVariable(env: string[], variable: string): void {
  const name = variable.slice(0, Math.max(0, variable.indexOf('=')));
  if (name === '') throw invalid('Env', `${JSON.stringify(variable)} is not NAME=value`);
  const at = env.findIndex((other) => other.startsWith(`${name}=`));
  if (at === -1) env.push(variable);
  else env[at] = variable;
}

function setUser(spec: RuntimeSpec, user: string, rootfs: string): void {
  const read = (path: string) => readInRootfs(rootfs, path, largestUserFile)?.toString('utf8');
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
