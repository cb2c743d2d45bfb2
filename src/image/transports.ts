/**
 * The image names of other tools. containers/image calls the word before the first colon a transport;
 * containers-transports(5).
 */
import { splitTransport } from './layout-name.js';
import { isTag } from './references.js';

/** An image that is not in an OCI layout. */
export interface ForeignImage {
  /** the name as skopeo takes it */
  source: string;
  /** where the image is, as a phrase: `an image of a registry` */
  where: string;
  /** a tag for the image in a layout */
  tag: string;
}

const places: Readonly<Record<string, string>> = {
  docker: 'an image of a registry',
  'docker-daemon': 'an image of the docker daemon',
  'containers-storage': 'an image of podman, buildah or CRI-O',
  dir: 'an image in a directory of blobs',
};

/** Returns what an image name of another tool means, or undefined if the name has no known transport. */
export function foreignImage(value: string): ForeignImage | undefined {
  const colon = value.indexOf(':');
  const transport = value.slice(0, Math.max(0, colon));
  const where = Object.hasOwn(places, transport) ? places[transport] : undefined;
  if (where === undefined) return undefined;
  const name = value.slice(colon + 1).replace(/^\/+/, '');
  return name === '' ? undefined : { source: value, where, tag: tagFor(name) };
}

/** Returns `value` as an image of a registry, if it can be one: `debian:12` for example. */
export function registryImage(value: string): ForeignImage | undefined {
  const pattern = /^(?:\w[\w.-]*(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w.-]+)?$/;
  return pattern.test(value) ? foreignImage(`docker://${value}`) : undefined;
}

/**
 * True for a name that means an OCI layout, also a missing one: `oci-archive:FILE`, or a tag of `images` or `image`, as the
 * layouts of the documentation are called.
 */
export function isLayoutName(value: string): boolean {
  return splitTransport(value).transport !== 'directory' || /^images?:/.test(value);
}

/** Returns the name itself if it is a well-formed tag: a layout then shows where each image came from. */
function tagFor(name: string): string {
  if (isTag(name)) return name;
  const cleaned = name.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '');
  return cleaned === '' ? 'latest' : cleaned;
}
