import { status } from '@grpc/grpc-js';
import type { Answered } from './handlers.js';
import type { SnapshotService } from './server.js';
import { statusOf } from './status.js';

/** What gauges are read from. */
export type Measured = Pick<SnapshotService, 'store' | 'broken'>;

/** Counts calls, for Prometheus. */
export class CallMetrics {
  /** by the labels of a series */
  readonly #calls = new Map<string, number>();
  readonly #seconds = new Map<string, { sum: number; count: number }>();

  record({ method, took, error }: Answered): void {
    const code = error === undefined ? 'OK' : status[statusOf(error).code]!;
    const labels = `method="${method}",code="${code}"`;
    this.#calls.set(labels, (this.#calls.get(labels) ?? 0) + 1);
    const seconds = this.#seconds.get(method) ?? { sum: 0, count: 0 };
    this.#seconds.set(method, { sum: seconds.sum + took / 1000, count: seconds.count + 1 });
  }

  /** All series, in Prometheus's text format 0.0.4. */
  async text({ store, broken }: Measured): Promise<string> {
    const { contents, bytes, free } = await store.df();
    const lines = [
      ...heading('layerhook_snapshotter_calls_total', 'counter', 'Calls that were answered.'),
      ...[...this.#calls].map(([labels, n]) => `layerhook_snapshotter_calls_total{${labels}} ${n}`),
      ...heading('layerhook_snapshotter_call_seconds', 'summary', 'How long calls took.'),
      ...[...this.#seconds].flatMap(([method, { sum, count }]) => [
        `layerhook_snapshotter_call_seconds_sum{method="${method}"} ${sum}`,
        `layerhook_snapshotter_call_seconds_count{method="${method}"} ${count}`,
      ]),
      ...gauge('layerhook_store_contents', 'Layers and active snapshots in the store.', contents),
      ...gauge('layerhook_store_broken', 'Snapshots that were found broken.', await broken()),
      ...gauge('layerhook_store_bytes', 'What committed layers take on disk.', bytes),
      ...gauge('layerhook_store_free_bytes', 'What is free on the filesystem of the store.', free),
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
