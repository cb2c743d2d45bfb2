import { type ErrorDetails, isLayerhookError, LayerhookError } from '../../errors/index.js';
import { splitTransport } from '../../image/layout-name.js';
import { parseImageReference } from '../../image/references.js';
import { type ForeignImage, foreignImage, isLayoutName, registryImage } from '../../image/transports.js';

/**
 * Explains why an image was not found: the user may have given the name that another tool takes.
 *
 * @param error what the command threw
 * @param words what may name the image: the value of --image and the arguments
 * @returns IMAGE_ELSEWHERE with the command that copies the image into a layout, else `error`
 */
export function explainImage(error: unknown, words: readonly unknown[]): unknown {
  const image = words.find((word) => typeof word === 'string' && isMissing(error, word));
  return typeof image === 'string' ? explainMissing(error, image) : error;
}

function explainMissing(error: unknown, image: string): unknown {
  if (image.startsWith('oci:')) {
    const expected = `give the path without oci: ${image.slice('oci:'.length)}`;
    return elsewhere({ value: image, reason: 'only skopeo needs the transport oci', expected }, error);
  }
  const known = foreignImage(image);
  if (known)
    return elsewhere({ value: image, reason: `it is ${known.where}`, expected: advice(known) }, error);
  if (isLayoutName(image)) return explainLayout(error, image);
  const guess = registryImage(image);
  if (guess === undefined) return error;
  const reason = 'the path is missing; a registry may have such an image';
  return elsewhere({ value: image, reason, expected: advice(guess) }, error);
}

/** The image may be in a layout elsewhere, and its tag may be the name that a registry has for it. */
function explainLayout(error: unknown, image: string): unknown {
  const { path, tag } = parseImageReference(image);
  const guess = splitTransport(path).transport === 'directory' ? registryImage(tag) : undefined;
  // a tag that names no image: a registry has a latest of each
  if (guess === undefined || tag === 'latest') return error;
  const reason = `the directory ${path} is missing`;
  const expected = `change to the directory that has ${path}, or ${advice(guess, path)}`;
  return elsewhere({ value: image, reason, expected }, error);
}

/** True if the error is about the layout of this image. A command may open other layouts, too. */
function isMissing(error: unknown, image: string): boolean {
  if (!isLayerhookError(error, 'LAYOUT_NOT_FOUND')) return false;
  const path = String(error.details.path);
  // words of another kind, such as bundles, may be malformed as references
  return image.startsWith(path) && parseImageReference(image).path === path;
}

function advice({ source, tag }: ForeignImage, layout = 'images'): string {
  return `copy the image into a layout: skopeo copy ${source} oci:${layout}:${tag}, or let layerhook do so: layerhook unpack --pull ${source} BUNDLE`;
}

function elsewhere(details: ErrorDetails<'IMAGE_ELSEWHERE'>, cause: unknown): LayerhookError {
  return new LayerhookError('IMAGE_ELSEWHERE', details, cause);
}
