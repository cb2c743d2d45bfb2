import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { LayerhookError } from '../errors/index.js';
import type { Snapshotter } from '../store/types.js';
import { type InfoMessage, infoToMessage, type Method, type Requests, type Responses } from './messages.js';
import { statusOf } from './status.js';

/** number of infos in one message of a List */
const infosPerMessage = 100;
/** number of characters of labels and names in one message of a List: clients refuse messages above 4 MiB */
const charactersPerMessage = 1024 * 1024;

/** A call that the server has answered. */
export interface Answered {
  method: Method;
  /** key or name in the request */
  name: string;
  /** duration in ms */
  took: number;
  error?: unknown;
}

type UnaryCall = ServerUnaryCall<object, object>;
type Run = (request: object, call: UnaryCall) => Promise<object>;

type UnaryMethods = {
  [M in Exclude<Method, 'List'>]: (request: Requests[M], call: UnaryCall) => Promise<Responses[M]>;
};

/** Returns the gRPC handlers of a Snapshotter: they only convert messages and errors. */
export function handlersOf(
  snapshotter: Snapshotter,
  answered: (call: Answered) => void,
): UntypedServiceImplementation {
  const unary = Object.entries(unaryMethods(snapshotter)).map(([method, run]) => [
    method,
    answering(method as Method, run as Run, answered),
  ]);
  return { ...Object.fromEntries(unary), List: listing(snapshotter, answered) };
}

function unaryMethods(snapshotter: Snapshotter): UnaryMethods {
  return {
    Prepare: async ({ key, parent, labels }, call) => {
      const { signal, unlink } = cancellation(call);
      try {
        return { mounts: await snapshotter.prepare(key, parent, { labels, signal }) };
      } finally {
        unlink();
      }
    },
    View: async ({ key, parent, labels }) => ({ mounts: await snapshotter.view(key, parent, { labels }) }),
    Mounts: async ({ key }) => ({ mounts: await snapshotter.mounts(key) }),
    Commit: async ({ name, key, parent, labels }) => {
      await snapshotter.commit(name, key, { labels, ...(parent !== '' && { parent }) });
      return {};
    },
    Remove: async ({ key }) => {
      await snapshotter.remove(key);
      return {};
    },
    Stat: async ({ key }) => ({ info: infoToMessage(await snapshotter.stat(key)) }),
    Update: async ({ info, updateMask }) => {
      if (!info) throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: 'Update', reason: 'info is missing' });
      return { info: infoToMessage(await snapshotter.update(info, updateMask?.paths ?? [])) };
    },
    Usage: ({ key }) => snapshotter.usage(key),
    Cleanup: async () => {
      await snapshotter.cleanup();
      return {};
    },
  };
}

function answering(
  method: Method,
  run: Run,
  answered: (call: Answered) => void,
): handleUnaryCall<object, object> {
  return async (call, callback) => {
    const { request } = call;
    const began = performance.now();
    const name = nameIn(request);
    try {
      const response = await run(request, call);
      answered({ method, name, took: performance.now() - began });
      callback(null, response);
    } catch (error) {
      answered({ method, name, took: performance.now() - began, error });
      callback(statusOf(error));
    }
  };
}

/**
 * Returns a signal that aborts when the client cancels the call, until `unlink` is called. grpc-js reports each call as
 * cancelled after its answer too. Aborts at that time took 5% of the server's CPU time.
 */
function cancellation(call: UnaryCall): { signal: AbortSignal; unlink: () => void } {
  const stop = new AbortController();
  const abort = () => stop.abort();
  call.once('cancelled', abort);
  if (call.cancelled) abort();
  return { signal: stop.signal, unlink: () => call.off('cancelled', abort) };
}

function nameIn(request: { key?: string; info?: { name: string } | null }): string {
  return request.key ?? request.info?.name ?? '';
}

function listing(
  snapshotter: Snapshotter,
  answered: (call: Answered) => void,
): handleServerStreamingCall<Requests['List'], Responses['List']> {
  return async (call) => {
    const began = performance.now();
    const done = { method: 'List', name: call.request.filters.join(' ') } as const;
    try {
      await list(snapshotter, call);
      answered({ ...done, took: performance.now() - began });
      call.end();
    } catch (error) {
      answered({ ...done, took: performance.now() - began, error });
      call.emit('error', statusOf(error));
    }
  };
}

async function list(
  snapshotter: Snapshotter,
  call: ServerWritableStream<Requests['List'], Responses['List']>,
): Promise<void> {
  let block: InfoMessage[] = [];
  let characters = 0;
  for await (const info of snapshotter.walk(call.request.filters)) {
    if (call.cancelled) return;
    const message = infoToMessage(info);
    const more = charactersIn(message);
    const isFull = block.length === infosPerMessage || characters + more > charactersPerMessage;
    if (isFull && block.length > 0) {
      await send(call, block);
      block = [];
      characters = 0;
    }
    block.push(message);
    characters += more;
  }
  if (block.length > 0) await send(call, block);
}

function charactersIn({ name, parent, labels }: InfoMessage): number {
  return [name, parent, ...Object.entries(labels).flat()].reduce((sum, text) => sum + text.length, 0);
}

/** Writes a message, and waits if the client reads more slowly than the server writes. */
async function send(
  call: ServerWritableStream<unknown, Responses['List']>,
  info: InfoMessage[],
): Promise<void> {
  if (call.write({ info })) return;
  await new Promise<void>((resolve) => {
    const events = ['drain', 'cancelled'];
    const done = () => {
      for (const event of events) call.off(event, done);
      resolve();
    };
    for (const event of events) call.on(event, done);
  });
}
