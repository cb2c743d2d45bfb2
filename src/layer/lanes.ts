import { availableParallelism } from 'node:os';
import { ApplyThread } from './apply/apply-thread.js';
import { SourceThread } from './stream/index.js';

/** A thread that decompresses and one that applies: what a layer needs. */
export class Lane {
  #sources: SourceThread | undefined;
  readonly applier: ApplyThread;
  /** given out to a layer that runs side by side with others */
  taken = false;

  constructor(onWarning: (message: string) => void) {
    this.applier = new ApplyThread(onWarning);
  }

  /** The thread that decompresses, started when it is first needed. */
  get sources(): SourceThread {
    this.#sources ??= new SourceThread();
    return this.#sources;
  }

  /** The thread that applies may still be waiting for the other. */
  async close(): Promise<void> {
    await this.applier.close();
    await this.#sources?.close();
  }
}

/** As many lanes as there are cores, started when they are first needed, and given out again and again. */
export class Lanes {
  readonly all: Lane[] = [];
  readonly #onWarning: (message: string) => void;
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  /** The one with the least to do; a new one if all have something. */
  idlest(): Lane {
    const [idlest] = this.all.toSorted((a, b) => a.applier.load - b.applier.load);
    return idlest && (idlest.applier.load === 0 || !this.#mayAdd()) ? idlest : this.#add();
  }

  /** One that nobody else takes until it is released; waits for it in turn. */
  async take(): Promise<Lane> {
    const free = this.all.find((lane) => !lane.taken) ?? (this.#mayAdd() ? this.#add() : null);
    if (free === null) return new Promise((resolve) => this.#waiting.push(resolve));
    free.taken = true;
    return free;
  }

  release(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next(lane);
    else lane.taken = false;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((lane) => lane.close()));
  }

  #mayAdd(): boolean {
    return this.all.length < availableParallelism();
  }

  #add(): Lane {
    const lane = new Lane(this.#onWarning);
    this.all.push(lane);
    return lane;
  }
}
