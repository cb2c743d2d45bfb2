import { status } from '@grpc/grpc-js';
import type { Answered } from './handlers.js';
import type { SnapshotService } from './server.js';
import { statusOf } from './status.js';

/** The source of the gauges. */
export type Measured = Pick<SnapshotService, 'store' | 'untrusted'>;

/** Counts calls, for Prometheus. */
export class CallMetrics {
  /** number of calls by the labels of their series */
  readonly #calls = new Map<string, number>();
  readonly #seconds = new Map<string, { sum: number; count: number }>();

  record({ method, took, error }: Answered): void {
    const code = error === undefined ? 'OK' : status[statusOf(error).code]!;
    const labels = `method="${method}",code="${code}"`;
    this.#calls.set(labels, (this.#calls.get(labels) ?? 0) + 1);
    const seconds = this.#seconds.get(method) ?? { sum: 0, count: 0 };
    this.#seconds.set(method, { sum: seconds.sum + took / 1000, count: seconds.count + 1 });
  }

  /** Returns all series in Prometheus's text format 0.0.4. */
  async text({ store, untrusted }: Measured): Promise<string> {
    const { contents, bytes, free } = await store.df();
    const lines = [
      ...heading('layerhook_snapshotter_calls_total', 'counter', 'Calls that were answered.'),
      ...[...this.#calls].map(([labels, n]) => `layerhook_snapshotter_calls_total{${labels}} ${n}`),
      ...heading('layerhook_snapshotter_call_seconds', 'summary', 'Duration of calls.'),
      ...[...this.#seconds].flatMap(([method, { sum, count }]) => [
        `layerhook_snapshotter_call_seconds_sum{method="${method}"} ${sum}`,
        `layerhook_snapshotter_call_seconds_count{method="${method}"} ${count}`,
      ]),
      ...gauge('layerhook_store_contents', 'Layers and active snapshots in the store.', contents),
      ...gauge('layerhook_store_broken', 'Snapshots found damaged or untrusted.', await untrusted()),
      ...gauge('layerhook_store_bytes', 'Disk space of committed layers.', bytes),
      ...gauge('layerhook_store_free_bytes', 'Free space on the filesystem of the store.', free),
    ];
    return `${lines.join('\n')}\n`;
  }
}

function heading(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function gauge(name: string, help: string, value: number): string[] {
  return [...heading(name, 'gauge', help), `${name} ${value}`];
}
