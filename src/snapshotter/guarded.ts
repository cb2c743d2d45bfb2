import { isLayerhookError } from '../errors/index.js';
import { compileFilters } from '../store/filter/index.js';
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

/** What a broken snapshot is labelled with when it is shown: why it cannot be used. It is never kept. */
const brokenLabel = 'layerhook/broken';

export interface GuardOptions {
  /** told of each broken snapshot once: at the start, or when it is found later */
  broken?: (fault: UntrustedSnapshot) => void;
  /**
   * Asked of a layer that is wanted and unproven, before it is refused: how many files are not as they were
   * extracted; null if nobody knows. Default: nobody knows.
   */
  verify?: (content: ContentInfo) => Promise<number | null>;
}

/**
 * Broken snapshots as one containerd sees them: they are shown with a label that says why, can be removed, and are refused
 * as what mounts are made of.
 */
export class GuardedSnapshotter implements Snapshotter {
  readonly #inner: Snapshotter;
  readonly #store: Store;
  readonly #options: GuardOptions;
  /** why, by name: what was found so far */
  #known = new Map<string, string>();
  #proving: Promise<unknown> = Promise.resolve();

  /** @param store what `inner` gives mounts of, opened with `requireTrust` */
  constructor(inner: Snapshotter, store: Store, options: GuardOptions) {
    this.#inner = inner;
    this.#store = store;
    this.#options = options;
  }

  /** Looks at every snapshot, and reports those that are broken. */
  async scan(): Promise<void> {
    for (const fault of await this.#store.untrustedSnapshots()) this.#report(fault);
  }

  /** Number of those that were reported, and are still broken. */
  async broken(): Promise<number> {
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
    const { [brokenLabel]: _, ...kept } = labels;
    return this.#labelled(await this.#inner.update({ name, labels: kept }, fieldpaths));
  }

  usage(name: string): Promise<Usage> {
    return this.#inner.usage(name);
  }

  mounts(key: string): Promise<Mount[]> {
    return this.#whole(key, () => this.#inner.mounts(key));
  }

  prepare(key: string, parent: string, options?: PrepareOptions): Promise<Mount[]> {
    return this.#whole(parent, () => this.#inner.prepare(key, parent, options));
  }

  view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]> {
    return this.#whole(parent, () => this.#inner.view(key, parent, options));
  }

  commit(name: string, key: string, options?: CommitOptions): Promise<void> {
    return this.#inner.commit(name, key, options);
  }

  remove(name: string): Promise<void> {
    return this.#inner.remove(name);
  }

  async *walk(filters: string[] = []): AsyncIterable<Info> {
    await this.#refresh();
    // what asks for our label is to be answered with it
    const isOurs = this.#known.size > 0 && filters.some((filter) => filter.includes(brokenLabel));
    const matches = isOurs ? compileFilters(filters) : () => true;
    for await (const info of this.#inner.walk(isOurs ? [] : filters)) {
      const labelled = this.#labelled(info);
      if (matches(labelled)) yield labelled;
    }
  }

  cleanup(): Promise<void> {
    return this.#inner.cleanup();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Runs what gives mounts of `name` and what is below, and reports what that is refused for. */
  async #whole(name: string, mount: () => Promise<Mount[]>): Promise<Mount[]> {
    try {
      return await this.#proven(name, mount);
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_BROKEN')) throw error;
      for (const fault of await this.#store.untrustedSnapshots([String(error.details.name)]))
        this.#report(fault);
      throw error;
    }
  }

  /** Runs `mount` again, if it is refused, when it is known what is whole. */
  async #proven(name: string, mount: () => Promise<Mount[]>): Promise<Mount[]> {
    try {
      return await mount();
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_BROKEN')) throw error;
      await this.#prove(name);
      return mount();
    }
  }

  /** Reads the layers of `name` that are unproven, and notes what they are. */
  #prove(name: string): Promise<void> {
    const proved = this.#proving.then(() => this.#proveAll(name));
    this.#proving = proved.catch(() => {});
    return proved;
  }

  async #proveAll(name: string): Promise<void> {
    const { verify = async () => null } = this.#options;
    for (const content of await this.#store.list(await this.#store.untrusted(name))) {
      const differing = content.damaged === undefined ? await verify(content) : null;
      if (differing === null) continue;
      if (differing > 0) await this.#store.markDamaged(content.id, `${differing} files differ`);
      else await this.#store.markVerified(content.id);
    }
  }

  #report(fault: UntrustedSnapshot): void {
    if (!this.#known.has(fault.name)) this.#options.broken?.(fault);
    this.#known.set(fault.name, fault.why);
  }

  /** Forgets what has been removed, or extracted again. */
  async #refresh(): Promise<void> {
    if (this.#known.size === 0) return;
    const faults = await this.#store.untrustedSnapshots([...this.#known.keys()]);
    this.#known = new Map(faults.map(({ name, why }) => [name, why]));
  }

  #labelled(info: Info): Info {
    const why = this.#known.get(info.name);
    return why === undefined ? info : { ...info, labels: { ...info.labels, [brokenLabel]: why } };
  }
}
