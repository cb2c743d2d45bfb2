import { LayerhookError } from '../errors/index.js';
import { parseJson } from '../text/json-lossless.js';

/** The content of the file oci-layout; image-spec image-layout.md, "oci-layout file". */
export const layoutVersion = { imageLayoutVersion: '1.0.0' };

/** Limit for the file oci-layout, in bytes. */
export const maxVersionBytes = 4 << 20;

/** Checks the content of a file oci-layout. @throws LayerhookError LAYOUT_INVALID for any other version than 1.0.0 */
export function checkVersion(path: string, bytes: Buffer): void {
  let version: unknown;
  try {
    version = (parseJson(bytes) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch (error) {
    throw invalidLayout(path, 'its oci-layout is not JSON', error);
  }
  if (version !== layoutVersion.imageLayoutVersion)
    throw invalidLayout(path, `its imageLayoutVersion is ${JSON.stringify(version)}, not "1.0.0"`);
}

export function invalidLayout(path: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('LAYOUT_INVALID', { path, reason }, cause);
}
