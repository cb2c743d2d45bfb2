import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { type SnapshotService, serveSnapshotter } from '../../src/snapshotter/index.js';
import { loadService, type Method } from '../../src/snapshotter/messages.js';
import fc from '../helpers/properties.js';
import { removeDirectory } from '../helpers/tmp.js';
import { mutated } from './mutate.js';
import type { Target } from './targets.js';

/** Milliseconds after which a request counts as hanging. */
const deadline = 30_000;

/** Sends bytes as requests to a snapshotter of its own: each is answered with a status that containerd understands. */
export function grpcTarget(): Target {
  const directory = mkdtempSync(join(tmpdir(), 'layerhook-fuzz-'));
  const address = join(directory, 'socket');
  const methods = loadService();
  const names = Object.keys(methods).filter((name) => name !== 'List') as Method[];
  const requests = [
    methods.Prepare.requestSerialize({ key: 'k', parent: '', labels: { a: 'b' } }),
    methods.Commit.requestSerialize({ name: 'n', key: 'k', parent: '', labels: { a: 'b' } }),
    methods.Update.requestSerialize({
      info: { name: 'n', labels: { a: 'b' } },
      updateMask: { paths: ['labels.a'] },
    }),
  ];
  let started: Promise<{ service: SnapshotService; client: Client }> | undefined;
  const start = () => {
    started ??= serve();
    return started;
  };
  const serve = async () => {
    const service = await serveSnapshotter({ root: join(directory, 'store'), address });
    return { service, client: new Client(`unix:${address}`, credentials.createInsecure()) };
  };
  return {
    // the first byte chooses the method
    inputs: fc
      .tuple(fc.nat({ max: 255 }), mutated(requests))
      .map(([method, bytes]) => Buffer.concat([Buffer.of(method), bytes])),
    few: 150,
    async run(input) {
      const { client } = await start();
      const method = methods[names[(input[0] ?? 0) % names.length]!];
      const code = await call(client, method.path, input.subarray(1));
      if (code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE)
        throw new Error(`no answer to ${method.path}`);
      if (code === status.UNKNOWN) throw new Error(`an untyped error of ${method.path}`);
      return code === status.OK;
    },
    async close() {
      if (started !== undefined) {
        const { service, client } = await started;
        client.close();
        await service.close();
      }
      removeDirectory(directory);
    },
  };
}

function call(client: Client, path: string, bytes: Buffer): Promise<number> {
  const same = (value: Buffer) => value;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, bytes, { deadline: Date.now() + deadline }, (error) => {
      resolve(error?.code ?? status.OK);
    });
  });
}
