import { once } from 'node:events';
import type { Socket, Server as SocketServer } from 'node:net';
import { resolve } from 'node:path';
import { type ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { LayerhookError, type Limits, limitOf } from '../errors/index.js';
import { Directories } from '../store/context/directories.js';
import { openStoreAt } from '../store/open.js';
import type { Store, StoreOptions } from '../store/types.js';
import { bootId } from '../system/filesystem.js';
import { tryLockFile, type Unlock } from '../system/lock.js';
import { type ContainerdOptions, ContainerdStore } from './containerd.js';
import { Flusher } from './flusher.js';
import { GuardedSnapshotter, type GuardOptions } from './guarded.js';
import { type Answered, handlersOf } from './handlers.js';
import { type LayerHookOptions, LayerHooks } from './layer-hooks.js';
import { loadService } from './messages.js';
import { listen } from './socket.js';
import { removeDeadHolds } from './staged.js';
import { ThreadedTreeWork } from './tree-work.js';

/** delay between a commit and its flush, in ms */
const flushDelay = 1000;
/** ms after which the closing service cuts connections that are still open */
const grace = 5000;

export interface ServeOptions extends StoreOptions, ContainerdOptions, GuardOptions, LayerHookOptions {
  /** path of the unix socket; not used if systemd passes a socket */
  address: string;
  /** changed limits of docs/security.md */
  limits?: Limits | undefined;
  /** gets each answered call */
  answered?: (call: Answered) => void;
  /** gets the error of a failed background flush */
  flushFailed?: (error: unknown) => void;
  /** gets the error if the files of a removed snapshot cannot be deleted; cleanup tries again */
  eraseFailed?: (error: unknown) => void;
}

/** A running snapshotter service. */
export interface SnapshotService {
  store: Store;
  /** Returns the number of untrusted snapshots found so far: all are checked at the start, later only those in use. */
  untrusted(): Promise<number>;
  /** Answers pending calls, flushes, and closes the store; deletes nothing. */
  close(): Promise<void>;
  /** as `close`: for `await using` */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves a store to one containerd: `containerd.services.snapshots.v1.Snapshots` over a unix socket.
 *
 * @throws LayerhookError LISTEN if another process serves the address, or this client of the store; errors of openStore
 */
export async function serveSnapshotter(options: ServeOptions): Promise<SnapshotService> {
  const { eraseFailed = () => {} } = options;
  const trees = new ThreadedTreeWork(eraseFailed);
  const store = await openStoreAt({ client: 'containerd', ...options, requireTrust: true }, bootId(), trees);
  let unlock: Unlock | undefined;
  try {
    unlock = lockClient(options, store.client);
    return await serve(store, unlock, options);
  } catch (error) {
    unlock?.();
    await store.close();
    throw error;
  }
}

async function serve(store: Store, unlock: Unlock, options: ServeOptions): Promise<SnapshotService> {
  const { answered = () => {}, flushFailed = () => {} } = options;
  await removeDeadHolds(store);
  const flusher = new Flusher(store, flushDelay, flushFailed);
  const hooks = new LayerHooks(store, options, () => flusher.committed());
  const snapshotter = new GuardedSnapshotter(new ContainerdStore(store, options, hooks), store, options);
  await snapshotter.scan();
  const grpc = grpcServer(snapshotter, options, (call) => {
    if (call.method === 'Commit' && call.error === undefined) flusher.committed();
    answered(call);
  });
  const connections = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = await listen(options.address);
  // flushes what a killed server had committed
  flusher.committed();
  hooks.start();
  const open = openConnections(sockets);
  sockets.on('connection', (socket) => connections.injectConnection(socket));
  const end = () => close({ sockets, open, connections, grpc, hooks, flusher, store, unlock });
  return {
    store,
    untrusted: () => snapshotter.untrusted(),
    close: end,
    [Symbol.asyncDispose]: end,
  };
}

function grpcServer(
  snapshotter: GuardedSnapshotter,
  { limits }: ServeOptions,
  answered: (call: Answered) => void,
): Server {
  const grpc = new Server({
    // statistics for gRPC's debugger: layerhook reads none
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': limitOf(limits, 'grpc-message'),
  });
  grpc.addService(loadService(), handlersOf(snapshotter, answered));
  return grpc;
}

/** Locks the client: two servers for one client would mean two containerds that remove each other's snapshots. */
function lockClient({ root, address }: ServeOptions, client: string): Unlock {
  const unlock = tryLockFile(new Directories(resolve(root)).lock(`serve-${client}`));
  if (unlock !== undefined) return unlock;
  const reason = `another process already serves ${root} to ${client}`;
  const expected = 'stop it, or choose another store or client';
  throw new LayerhookError('LISTEN', { address, reason, expected });
}

function openConnections(sockets: SocketServer): Set<Socket> {
  const open = new Set<Socket>();
  sockets.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

interface Running {
  sockets: SocketServer;
  open: Set<Socket>;
  connections: ConnectionInjector;
  grpc: Server;
  hooks: LayerHooks;
  flusher: Flusher;
  store: Store;
  unlock: Unlock;
}

async function close(running: Running): Promise<void> {
  const { sockets, open, connections, grpc, hooks, flusher, store, unlock } = running;
  hooks.stop();
  const closed = once(sockets, 'close');
  sockets.close();
  // informs clients, and closes each connection after its last answer
  connections.drain(grace);
  const cut = setTimeout(() => {
    for (const socket of open) socket.destroy();
  }, grace);
  await closed;
  clearTimeout(cut);
  grpc.forceShutdown();
  await hooks.idle();
  await flusher.close();
  await store.close();
  unlock();
}
