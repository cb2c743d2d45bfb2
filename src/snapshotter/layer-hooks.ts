import { isLayerhookError, LayerhookError } from '../errors/index.js';
import type { LayerIdentity, Store } from '../store/types.js';
import { describeLayer, type ExtractedLayer, type LayerWords, type ProvideLayer } from './layer-request.js';
import { holdOf } from './staged.js';

/** Callbacks for the layers of a containerd. */
export interface LayerHookOptions {
  /** provides a layer that containerd needs and the store does not have; default: containerd extracts it */
  provide?: ProvideLayer | undefined;
  /** gets each layer that containerd has extracted, one after the other, in the background */
  extracted?: ((layer: ExtractedLayer) => Promise<void>) | undefined;
  /** gets the errors of background work */
  hookFailed?: ((error: unknown) => void) | undefined;
}

interface Wanted extends Omit<LayerWords, 'mayHaveParent'> {
  /** True: only a layer known to be the lowest of its chain. */
  onlyLowest: boolean;
}

/** Calls hooks for the layers of one containerd. */
export class LayerHooks {
  readonly #store: Store;
  readonly #options: LayerHookOptions;
  readonly #mayHaveParent: boolean;
  readonly #provided: () => void;
  readonly #stop = new AbortController();
  readonly #asking = new Set<Promise<boolean>>();
  /** background work, one task after the other */
  #background: Promise<void> = Promise.resolve();

  /**
   * @param parallelUnpack true if layers are prepared without their parents
   * @param provided called after a hook has added a layer to the store
   */
  constructor(
    store: Store,
    { parallelUnpack = false, ...options }: LayerHookOptions & { parallelUnpack?: boolean },
    provided: () => void,
  ) {
    this.#store = store;
    this.#options = options;
    this.#mayHaveParent = parallelUnpack;
    this.#provided = provided;
  }

  /**
   * Calls the hook for a layer that the store does not have, and names the provided layer.
   *
   * @returns false if the hook does not have the layer, or without a hook
   * @throws LayerhookError as Store's `provide`
   */
  async provide(name: string, layer: LayerIdentity, wanted: Wanted): Promise<boolean> {
    const { provide } = this.#options;
    if (provide === undefined) return false;
    const { signal, unlink } = linkedSignal([wanted.signal, this.#stop.signal]);
    const asking = this.#ask(name, layer, { ...wanted, signal }, provide);
    this.#asking.add(asking);
    try {
      return await asking;
    } finally {
      this.#asking.delete(asking);
      unlink();
    }
  }

  /** Passes a layer that containerd has committed as `name` to the hook, in the background, unless it is removed before. */
  committed(name: string, layer: LayerIdentity, labels: Record<string, string>): void {
    const { extracted } = this.#options;
    if (extracted === undefined) return;
    this.#later(() => this.#tell(name, layer, labels, extracted));
  }

  /** Removes the directories that hooks were filling when the previous server was killed. */
  start(): void {
    if (this.#options.provide !== undefined) this.#later(() => this.#store.cleanup());
  }

  /** Aborts running hooks. */
  stop(): void {
    this.#stop.abort(new LayerhookError('ABORTED', { what: 'the snapshotter' }));
  }

  /** Waits until all hooks have ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#asking);
    await this.#background;
  }

  #later(action: () => Promise<void>): void {
    this.#background = this.#background.then(action).catch((error) => {
      // the layer was removed before its turn
      if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) this.#options.hookFailed?.(error);
    });
  }

  async #tell(
    name: string,
    layer: LayerIdentity,
    labels: Record<string, string>,
    extracted: NonNullable<LayerHookOptions['extracted']>,
  ): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const { parent } = await this.#store.stat(name);
    const known = await describeLayer(this.#store, {
      key: name,
      parent,
      labels,
      signal,
      mayHaveParent: false,
    });
    // a name that keeps the layer while the hook runs
    const hold = holdOf(`told ${name}`);
    if (known === undefined || !(await this.#store.adopt(hold, layer, ''))) return;
    try {
      await extracted({ ...known, source: await this.#store.directory(hold) });
    } finally {
      await this.#store.remove(hold);
    }
  }

  async #ask(
    name: string,
    layer: LayerIdentity,
    { onlyLowest, ...words }: Wanted,
    provide: ProvideLayer,
  ): Promise<boolean> {
    const known = await describeLayer(this.#store, { ...words, mayHaveParent: this.#mayHaveParent });
    if (known === undefined || (onlyLowest && known.lowerChainIDs?.length !== 0)) return false;
    const { parent, diffID, signal } = known;
    const isProvided = await this.#store.provide(name, { ...layer, diffID: diffID ?? '' }, parent, {
      signal,
      fill: (filling) => provide({ ...known, fresh: () => filling.fresh(), check: () => filling.check() }),
    });
    if (isProvided) this.#provided();
    return isProvided;
  }
}

/** Returns a signal that aborts with one of several. AbortSignal.any would stay in memory as long as the longest-lived source. */
function linkedSignal(sources: AbortSignal[]): { signal: AbortSignal; unlink: () => void } {
  const linked = new AbortController();
  const abort = ({ target }: { target: EventTarget | null }) => linked.abort((target as AbortSignal).reason);
  for (const source of sources) {
    if (source.aborted) linked.abort(source.reason);
    source.addEventListener('abort', abort);
  }
  const unlink = () => {
    for (const source of sources) source.removeEventListener('abort', abort);
  };
  return { signal: linked.signal, unlink };
}
