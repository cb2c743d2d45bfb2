import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { fromJSON, type ServiceDefinition } from '@grpc/proto-loader';
import type { ExecutionContext } from 'ava';
import { hasEnded } from '../helpers/at-work.js';
import { run, succeed } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';
import type { ContainerImage } from './snapshotter.js';

/** Debian's docker-registry on a port of its own, for as long as the test runs. */
export interface Registry {
  /** address and port */
  readonly host: string;
  /** what an image that is pushed there is called */
  push(image: ContainerImage): Promise<string>;
  /** digests of the blobs that were fetched since the last call */
  fetched(): string[];
  /** the file of a blob */
  blob(digest: string): string;
}

export async function startRegistry(t: ExecutionContext<unknown>): Promise<Registry> {
  const dir = tmpdir(t);
  const host = `${ownAddress}:${await freePort()}`;
  const config = join(dir, 'config.yml');
  const log = join(dir, 'log');
  mkdirSync(join(dir, 'blobs'));
  const storage = `storage: {filesystem: {rootdirectory: ${join(dir, 'blobs')}}}`;
  writeFileSync(config, `version: 0.1\n${storage}\nhttp: {addr: "${host}"}\n`);
  const output = openSync(log, 'w');
  const registry = spawn('docker-registry', ['serve', config], { stdio: ['ignore', output, output] });
  t.teardown(() => registry.kill('SIGKILL'));
  await until('the registry answers', () => {
    if (hasEnded(registry)) throw new Error(`docker-registry ended:\n${readFileSync(log, 'utf8')}`);
    return answers(`http://${host}/v2/`);
  });
  let read = 0;
  return {
    host,
    async push(image) {
      const name = `${host}/layerhook/test:layers`;
      const args = ['copy', '--dest-tls-verify=false', `oci-archive:${image.archive}`, `docker://${name}`];
      await succeed(t, run('skopeo', args));
      return name;
    },
    fetched() {
      const lines = readFileSync(log, 'utf8');
      const news = lines.slice(read);
      read = lines.length;
      const gets = [...news.matchAll(/"GET \/v2\/[^ "]*\/blobs\/(sha256:[0-9a-f]{64}) [^"]*" 200/g)];
      return [...new Set(gets.map(([, digest]) => digest!))];
    },
    blob(digest) {
      const hex = digest.replace('sha256:', '');
      return join(dir, 'blobs/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/**
 * A loopback address of this process: a test file that runs at the same time cannot take the port between the search for it and
 * the start of the registry.
 */
const ownAddress = `127.${process.pid >> 16}.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;

/** Returns a port of {@link ownAddress} that no process uses. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, ownAddress, () => {
      const address = server.address();
      server.close(() => resolve((address as { port: number }).port));
    });
  });
}

/** Lets containerd's CRI plugin pull an image, as a kubelet does. @param socket containerd's */
export function pullImage(socket: string, name: string): Promise<void> {
  const text = { type: 'string', id: 1 };
  const v1 = {
    ImageSpec: { fields: { image: text } },
    PullImageRequest: { fields: { image: { type: 'ImageSpec', id: 1 } } },
    PullImageResponse: { fields: { imageRef: text } },
    ImageService: {
      methods: { PullImage: { requestType: 'PullImageRequest', responseType: 'PullImageResponse' } },
    },
  };
  const schema = { edition: 'proto3', nested: { runtime: { nested: { v1: { nested: v1 } } } } };
  const service = fromJSON(schema as Parameters<typeof fromJSON>[0])[
    'runtime.v1.ImageService'
  ] as ServiceDefinition;
  const { path, requestSerialize, responseDeserialize } = service.PullImage!;
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  return new Promise<void>((resolve, reject) => {
    const request = { image: { image: name } };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error) =>
      error ? reject(error) : resolve(),
    );
  }).finally(() => client.close());
}
