import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type {
  CommitOptions,
  Info,
  Mount,
  PrepareOptions,
  SnapshotOptions,
  Snapshotter,
  Usage,
} from '../store/types.js';
import {
  infoOfMessage,
  infoToMessage,
  loadService,
  type Method,
  type Requests,
  type Responses,
} from './messages.js';
import { errorOf } from './status.js';

/** A snapshotter inside a containerd, seen from one namespace. */
export interface ContainerdSnapshotter {
  /** name of the snapshotter, such as `overlayfs` */
  snapshotter: string;
  /** namespace of containerd, such as `k8s.io` */
  namespace: string;
}

/**
 * Connects to the Snapshotter of a server: layerhook, another proxy snapshotter, or containerd itself.
 *
 * @param address path of the server's unix socket
 * @param options snapshotter and namespace, if the server is containerd
 */
export function connectSnapshotter(address: string, options?: ContainerdSnapshotter): Snapshotter {
  return new RemoteSnapshotter(address, options);
}

class RemoteSnapshotter implements Snapshotter {
  readonly #service = loadService();
  readonly #client: Client;
  readonly #snapshotter: string;
  readonly #metadata = new Metadata();

  constructor(address: string, { snapshotter, namespace }: Partial<ContainerdSnapshotter> = {}) {
    this.#client = new Client(`unix:${address}`, credentials.createInsecure());
    this.#snapshotter = snapshotter ?? '';
    if (namespace !== undefined) this.#metadata.set('containerd-namespace', namespace);
  }

  async stat(key: string): Promise<Info> {
    return infoOfMessage((await this.#call('Stat', { key }, key)).info);
  }

  async update(info: Pick<Info, 'name' | 'labels'>, paths: string[] = []): Promise<Info> {
    const unchanged = { kind: 'active', parent: '', created: new Date(0), updated: new Date(0) } as const;
    const request = { info: infoToMessage({ ...unchanged, ...info }), updateMask: { paths } };
    return infoOfMessage((await this.#call('Update', request, info.name)).info);
  }

  usage(key: string): Promise<Usage> {
    return this.#call('Usage', { key }, key);
  }

  async mounts(key: string): Promise<Mount[]> {
    return (await this.#call('Mounts', { key }, key)).mounts;
  }

  async prepare(key: string, parent: string, { labels = {}, signal }: PrepareOptions = {}): Promise<Mount[]> {
    return (await this.#call('Prepare', { key, parent, labels }, key, signal)).mounts;
  }

  async view(key: string, parent: string, { labels = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    return (await this.#call('View', { key, parent, labels }, key)).mounts;
  }

  async commit(name: string, key: string, { labels = {}, parent = '' }: CommitOptions = {}): Promise<void> {
    await this.#call('Commit', { name, key, parent, labels }, key);
  }

  async remove(key: string): Promise<void> {
    await this.#call('Remove', { key }, key);
  }

  async *walk(filters: string[] = []): AsyncIterable<Info> {
    const { path, requestSerialize, responseDeserialize } = this.#service.List;
    const request = { snapshotter: this.#snapshotter, filters };
    const read = responseDeserialize as (bytes: Buffer) => Responses['List'];
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      read,
      request,
      this.#metadata,
    );
    try {
      for await (const { info } of stream as AsyncIterable<Responses['List']>) yield* info.map(infoOfMessage);
    } catch (error) {
      throw errorOf(error as ServiceError, filters.join(' '));
    }
  }

  async cleanup(): Promise<void> {
    await this.#call('Cleanup', {}, '');
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call<M extends Method>(
    method: M,
    request: Requests[M],
    name: string,
    signal?: AbortSignal,
  ): Promise<Responses[M]> {
    const { path, requestSerialize, responseDeserialize } = this.#service[method];
    const read = responseDeserialize as (bytes: Buffer) => Responses[M];
    const whole = { snapshotter: this.#snapshotter, ...request };
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        read,
        whole,
        this.#metadata,
        (error, response) => {
          signal?.removeEventListener('abort', cancel);
          if (error) reject(errorOf(error, name));
          else resolve(response!);
        },
      );
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      if (signal?.aborted) cancel();
    });
  }
}
