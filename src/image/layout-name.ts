/** The forms of a layout: a directory, or a tar in the format of `skopeo copy … oci-archive:` or `docker save`. */
export type Transport = 'directory' | 'oci-archive' | 'docker-archive';

const prefix = /^(oci-archive|docker-archive):/;

/**
 * Splits the name of a layout: `oci-archive:FILE`, `docker-archive:FILE` or `DIRECTORY`. A directory with the name of a
 * transport can be written as `./oci-archive`.
 */
export function splitTransport(path: string): { transport: Transport; file: string } {
  const transport = prefix.exec(path)?.[1] as Transport | undefined;
  if (transport === undefined) return { transport: 'directory', file: path };
  return { transport, file: path.slice(transport.length + 1) };
}
