import { packageVersion } from '../places.js';
import type { Persona } from './command.js';

/**
 * The version of umoci whose test suite passes, and the versions of the specifications that layerhook implements. umoci's
 * main branch is after its release 0.6.0.
 */
const umociVersion = '0.6.0+dev';
const imageSpec = '1.1.1';
const runtimeSpec = '1.0.2';

/** Returns the output of --version. As umoci, it names Go too, since scripts look for that line. */
export function versionText(persona: Persona): string {
  const platform = `node: ${process.version}`;
  return [
    `${persona} version ${shortVersion(persona)}`,
    `image spec: ${imageSpec}`,
    `runtime spec: ${runtimeSpec}`,
    ...(persona === 'umoci' ? ['go: go1.x flag syntax', platform] : [platform]),
  ].join('\n');
}

/** Returns the version alone. Called as `umoci`, this is the version of umoci, followed by layerhook's version. */
export function shortVersion(persona: Persona): string {
  const version = packageVersion();
  return persona === 'umoci' ? `${umociVersion} (layerhook ${version})` : version;
}
