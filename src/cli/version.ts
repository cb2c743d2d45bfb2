import { packageVersion } from '../places.js';
import type { Persona } from './command.js';

/** The umoci release that the tests compare with, and the versions of the specifications that layerhook implements. */
const umociVersion = '0.6.0';
const imageSpec = '1.1.1';
const runtimeSpec = '1.0.2';

/** Returns the output of --version. */
export function versionText(persona: Persona): string {
  return [
    `${persona} version ${shortVersion(persona)}`,
    `image spec: ${imageSpec}`,
    `runtime spec: ${runtimeSpec}`,
    `node: ${process.version}`,
  ].join('\n');
}

/** Returns the version alone. Called as `umoci`, this is the umoci release of the tests, followed by layerhook's version. */
export function shortVersion(persona: Persona): string {
  const version = packageVersion();
  return persona === 'umoci' ? `${umociVersion} (layerhook ${version})` : version;
}
