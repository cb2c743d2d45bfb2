import { once } from 'node:events';
import type { Socket, Server as SocketServer } from 'node:net';
import { resolve } from 'node:path';
import { type ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { LayerhookError } from '../errors/index.js';
import { Directories } from '../store/context/directories.js';
import { tryLockFile, type Unlock } from '../store/lock.js';
import { openStoreAt } from '../store/open.js';
import type { Store, StoreOptions } from '../store/types.js';
import { bootId } from '../system/filesystem.js';
import { type ContainerdOptions, ContainerdStore } from './containerd.js';
import { Flusher } from './flusher.js';
import { GuardedSnapshotter, type GuardOptions } from './guarded.js';
import { type Answered, handlersOf } from './handlers.js';
import { type LayerHookOptions, LayerHooks } from './layer-hooks.js';
import { loadService } from './messages.js';
import { listen } from './socket.js';
import { removeDeadHolds } from './staged.js';
import { ThreadedTreeWork } from './tree-work.js';

/** ms after a commit at which it is flushed */
const flushDelay = 1000;
/** ms after which connections that are still open are cut when the service ends */
const grace = 5000;

export interface ServeOptions extends StoreOptions, ContainerdOptions, GuardOptions, LayerHookOptions {
  /** path of the unix socket; unused if systemd passes one */
  address: string;
  /** told of each call */
  answered?: (call: Answered) => void;
  /** told when the background flush fails */
  flushFailed?: (error: unknown) => void;
  /** told when the files of a removed snapshot cannot be deleted; cleanup tries again */
  eraseFailed?: (error: unknown) => void;
}

/** A snapshotter that is being served. */
export interface SnapshotService {
  store: Store;
  /** number of snapshots that are broken, of those that were looked at: all at the start, then what was wanted */
  broken(): Promise<number>;
  /** Answers what has been asked, flushes, and closes the store; nothing is deleted. */
  close(): Promise<void>;
}

/**
 * Serves a store to one containerd: `containerd.services.snapshots.v1.Snapshots` over a unix socket.
 *
 * @throws LayerhookError LISTEN if the address, or this client of the store, is served already; as openStore
 */
export async function serveSnapshotter(options: ServeOptions): Promise<SnapshotService> {
  const { answered = () => {}, flushFailed = () => {}, eraseFailed = () => {} } = options;
  const trees = new ThreadedTreeWork(eraseFailed);
  const store = await openStoreAt({ client: 'containerd', ...options, requireTrust: true }, bootId(), trees);
  let unlock: Unlock | undefined;
  try {
    unlock = lockClient(options, store.client);
    await removeDeadHolds(store);
    const flusher = new Flusher(store, flushDelay, flushFailed);
    const hooks = new LayerHooks(store, options, () => flusher.committed());
    // statistics for gRPC's own debugger, which cost a tenth of each call
    const grpc = new Server({ 'grpc.enable_channelz': 0 });
    const snapshotter = new GuardedSnapshotter(new ContainerdStore(store, options, hooks), store, options);
    await snapshotter.scan();
    const handlers = handlersOf(snapshotter, (call) => {
      if (call.method === 'Commit' && call.error === undefined) flusher.committed();
      answered(call);
    });
    grpc.addService(loadService(), handlers);
    const connections = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const sockets = await listen(options.address);
    // what a server that was killed has left
    flusher.committed();
    hooks.start();
    const open = openConnections(sockets);
    sockets.on('connection', (socket) => connections.injectConnection(socket));
    return {
      store,
      broken: () => snapshotter.broken(),
      close: () => close({ sockets, open, connections, grpc, hooks, flusher, store, unlock: unlock! }),
    };
  } catch (error) {
    unlock?.();
    await store.close();
    throw error;
  }
}

/** Two servers for one client would be two containerds, each of which removes what the other has. */
function lockClient({ root, address }: ServeOptions, client: string): Unlock {
  const unlock = tryLockFile(new Directories(resolve(root)).lock(`serve-${client}`));
  if (unlock !== undefined) return unlock;
  const reason = `another process serves ${root} to ${client} already`;
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
  // tells clients, and ends each connection when its calls are answered
  connections.drain(grace);
  const cut = setTimeout(() => {
    for (const socket of open) socket.destroy();
  }, grace);
  await closed;
  clearTimeout(cut);
  grpc.forceShutdown();
  await hooks.settled();
  await flusher.close();
  await store.close();
  unlock();
}
