import { isLayerhookError } from '../errors/index.js';
import { filesDiffer } from '../store/files-differ.js';
import { selectInfos } from '../store/filter/index.js';
import type {
  CommitOptions,
  ContentInfo,
  Info,
  Mount,
  PrepareOptions,
  SnapshotOptions,
  Snapshotter,
  Store,
  UntrustedSnapshot,
  Usage,
} from '../store/types.js';

/** Label of an untrusted snapshot in answers, never stored: why it cannot be used. */
const untrustedLabel = 'layerhook/broken';

export interface GuardOptions {
  /** gets each untrusted snapshot once: at the start, or when it is found later */
  untrusted?: (snapshot: UntrustedSnapshot) => void;
  /**
   * Verifies an untrusted layer before it is refused: returns the number of files that differ from what was extracted, or
   * null if that is unknown. Default: unknown.
   */
  verify?: (content: ContentInfo) => Promise<number | null>;
}

/**
 * Untrusted snapshots as one containerd sees them: they are listed with a label that gives the reason, can be removed, and
 * are refused as parts of mounts.
 */
export class GuardedSnapshotter implements Snapshotter {
  readonly #inner: Snapshotter;
  readonly #store: Store;
  readonly #options: GuardOptions;
  /** the untrusted snapshots found so far: name and reason */
  #known = new Map<string, string>();
  #verifying: Promise<unknown> = Promise.resolve();

  /** @param store the store behind `inner`, opened with `requireTrust` */
  constructor(inner: Snapshotter, store: Store, options: GuardOptions) {
    this.#inner = inner;
    this.#store = store;
    this.#options = options;
  }

  /** Checks every snapshot, and reports the untrusted ones. */
  async scan(): Promise<void> {
    for (const snapshot of await this.#store.untrustedSnapshots()) this.#report(snapshot);
  }

  /** Returns the number of reported snapshots that are still untrusted. */
  async untrusted(): Promise<number> {
    await this.#refresh();
    return this.#known.size;
  }

  async stat(name: string): Promise<Info> {
    const info = await this.#inner.stat(name);
    if (!this.#known.has(name)) return info;
    await this.#refresh();
    return this.#labelled(info);
  }

  async update({ name, labels }: Pick<Info, 'name' | 'labels'>, fieldpaths?: string[]): Promise<Info> {
    const { [untrustedLabel]: _, ...kept } = labels;
    return this.#labelled(await this.#inner.update({ name, labels: kept }, fieldpaths));
  }

  usage(name: string): Promise<Usage> {
    return this.#inner.usage(name);
  }

  mounts(key: string): Promise<Mount[]> {
    return this.#reporting(key, () => this.#inner.mounts(key));
  }

  prepare(key: string, parent: string, options?: PrepareOptions): Promise<Mount[]> {
    return this.#reporting(parent, () => this.#inner.prepare(key, parent, options));
  }

  view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]> {
    return this.#reporting(parent, () => this.#inner.view(key, parent, options));
  }

  commit(name: string, key: string, options?: CommitOptions): Promise<void> {
    return this.#inner.commit(name, key, options);
  }

  remove(name: string): Promise<void> {
    return this.#inner.remove(name);
  }

  async *walk(filters: string[] = []): AsyncIterable<Info> {
    await this.#refresh();
    // The store does not know the label, so filters that use it are evaluated here.
    const isOurs = this.#known.size > 0 && filters.some((filter) => filter.includes(untrustedLabel));
    const labelled: Info[] = [];
    for await (const info of this.#inner.walk(isOurs ? [] : filters)) labelled.push(this.#labelled(info));
    yield* isOurs ? selectInfos(labelled, filters) : labelled;
  }

  cleanup(): Promise<void> {
    return this.#inner.cleanup();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs a call that returns mounts of `name` and its parents; reports the snapshot that makes it fail. */
  async #reporting(name: string, mount: () => Promise<Mount[]>): Promise<Mount[]> {
    try {
      return await this.#verified(name, mount);
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_BROKEN')) throw error;
      const found = await this.#store.untrustedSnapshots([String(error.details.name)]);
      for (const snapshot of found) this.#report(snapshot);
      throw error;
    }
  }

  /** Runs `mount`; if it is refused, verifies the layers and runs it again. */
  async #verified(name: string, mount: () => Promise<Mount[]>): Promise<Mount[]> {
    try {
      return await mount();
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_BROKEN')) throw error;
      await this.#verify(name);
      return mount();
    }
  }

  /** Reads the untrusted layers of `name`, and marks each as verified or damaged; one call after the other. */
  #verify(name: string): Promise<void> {
    const verified = this.#verifying.then(() => this.#verifyAll(name));
    this.#verifying = verified.catch(() => {});
    return verified;
  }

  async #verifyAll(name: string): Promise<void> {
    const { verify = async () => null } = this.#options;
    for (const content of await this.#store.list(await this.#store.untrusted(name))) {
      const differing = content.damaged === undefined ? await verify(content) : null;
      if (differing === null) continue;
      if (differing > 0) await this.#store.markDamaged(content.id, filesDiffer(differing));
      else await this.#store.markVerified(content.id);
    }
  }

  #report(snapshot: UntrustedSnapshot): void {
    if (!this.#known.has(snapshot.name)) this.#options.untrusted?.(snapshot);
    this.#known.set(snapshot.name, snapshot.why);
  }

  /** Forgets the snapshots that were removed or extracted again. */
  async #refresh(): Promise<void> {
    if (this.#known.size === 0) return;
    const untrusted = await this.#store.untrustedSnapshots([...this.#known.keys()]);
    this.#known = new Map(untrusted.map(({ name, why }) => [name, why]));
  }

  #labelled(info: Info): Info {
    const why = this.#known.get(info.name);
    return why === undefined ? info : { ...info, labels: { ...info.labels, [untrustedLabel]: why } };
  }
}
