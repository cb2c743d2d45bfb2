import { isObject } from '../../text/is-object.js';
import { invalidLayout } from '../version.js';

/** One image of the manifest.json of a `docker save`. */
export interface SavedImage {
  /** names of files in the tar */
  config: string;
  layers: string[];
  /** such as `docker.io/library/alpine:3` */
  tags: string[];
}

/**
 * Checks a manifest.json; docker's image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset Format". As in other
 * documents, null and missing lists are empty.
 *
 * @param path name of the layout, for errors
 * @throws LayerhookError LAYOUT_INVALID
 */
export function checkImageList(value: unknown, path: string): SavedImage[] {
  if (!Array.isArray(value)) throw invalidLayout(path, 'its manifest.json is not a list');
  return value.map((image, at) => {
    const what = `image ${at} of its manifest.json`;
    if (!isObject(image)) throw invalidLayout(path, `${what} is not an object`);
    if (typeof image.Config !== 'string') throw invalidLayout(path, `${what} has no Config`);
    return {
      config: image.Config,
      layers: strings(image.Layers, `Layers of ${what}`, path),
      tags: [...new Set(strings(image.RepoTags, `RepoTags of ${what}`, path))].filter((tag) => tag !== ''),
    };
  });
}

function strings(value: unknown, what: string, path: string): string[] {
  const list: unknown = value ?? [];
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  throw invalidLayout(path, `${what} is not a list of strings`);
}
