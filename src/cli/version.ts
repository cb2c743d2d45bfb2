import { readFileSync } from 'node:fs';
import { packageFile } from '../places.js';
import type { Persona } from './command.js';

/** The umoci release whose command line ours is compared with, and the specifications we keep to. */
const umociVersion = '0.6.0';
const imageSpec = '1.1.1';
const runtimeSpec = '1.0.2';

/** What --version prints, in the manner of the persona. */
export function versionText(persona: Persona): string {
  return [
    `${persona} version ${shortVersion(persona)}`,
    `image spec: ${imageSpec}`,
    `runtime spec: ${runtimeSpec}`,
    `node: ${process.version}`,
  ].join('\n');
}

/** The version alone; as umoci, that of the umoci we compare with, and ours. */
export function shortVersion(persona: Persona): string {
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  return persona === 'umoci' ? `${umociVersion} (layerhook ${version})` : version;
}
