import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { fromJSON, type ServiceDefinition } from '@grpc/proto-loader';
import { schema, versionServiceName } from './schema.js';

/** ms to wait for an answer */
const patience = 5000;

/**
 * Asks a containerd for its version, such as `v2.1.4` or `1.6.20~ds1`.
 *
 * @param address path of its gRPC socket
 * @returns null if no containerd answers there
 */
export function containerdVersion(address: string): Promise<string | null> {
  const definitions = fromJSON(schema, { defaults: true });
  const { path, requestSerialize, responseDeserialize } = (
    definitions[versionServiceName] as ServiceDefinition
  ).Version!;
  const read = responseDeserialize as (bytes: Buffer) => { version: string };
  const client = new Client(`unix:${address}`, credentials.createInsecure());
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null, response?: { version: string }) => {
      client.close();
      resolve(error === null ? response!.version : null);
    };
    client.makeUnaryRequest(path, requestSerialize, read, {}, { deadline: Date.now() + patience }, answered);
  });
}

/** Returns true if a version is at least `major.minor`; false if it is malformed. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [, ...numbers] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const [ownMajor, ownMinor] = numbers.map(Number);
  if (ownMajor === undefined || ownMinor === undefined) return false;
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
