import type { Server as SocketServer } from 'node:net';
import { resolve } from 'node:path';
import { type ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { LayerhookError } from '../../errors/index.js';
import { Directories } from '../directories.js';
import { tryLockFile, type Unlock } from '../lock.js';
import { openStore } from '../open.js';
import type { Store, StoreOptions } from '../types.js';
import { type ContainerdOptions, ContainerdStore } from './containerd.js';
import { Flusher } from './flusher.js';
import { type Answered, handlersOf } from './handlers.js';
import { loadService } from './messages.js';
import { listen } from './socket.js';
import { removeDeadHolds } from './staged.js';

/** ms after a commit at which it is flushed */
const FLUSH_DELAY = 1000;
/** ms that calls which are being answered get when the service ends */
const GRACE = 10_000;

export interface ServeOptions extends StoreOptions, ContainerdOptions {
  /** path of the unix socket; unused if systemd passes one */
  address: string;
  /** told of each call */
  answered?: (call: Answered) => void;
  /** told when the background flush fails */
  flushFailed?: (error: unknown) => void;
}

/** A snapshotter that is being served. */
export interface SnapshotService {
  store: Store;
  /** Answers what has been asked, flushes, and closes the store; nothing is deleted. */
  close(): Promise<void>;
}

/**
 * Serves a store to one containerd: `containerd.services.snapshots.v1.Snapshots` over a unix socket.
 *
 * @throws LayerhookError LISTEN if the address, or this client of the store, is served already; as openStore
 */
export async function serveSnapshotter(options: ServeOptions): Promise<SnapshotService> {
  const { answered = () => {}, flushFailed = () => {} } = options;
  const store = await openStore({ client: 'containerd', ...options });
  let unlock: Unlock | undefined;
  try {
    unlock = lockClient(options, store.client);
    await removeDeadHolds(store);
    const flusher = new Flusher(store, FLUSH_DELAY, flushFailed);
    const grpc = new Server();
    const handlers = handlersOf(new ContainerdStore(store, options), (call) => {
      if (call.method === 'Commit' && call.error === undefined) flusher.committed();
      answered(call);
    });
    grpc.addService(loadService(), handlers);
    const connections = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const sockets = await listen(options.address);
    sockets.on('connection', (socket) => connections.injectConnection(socket));
    return { store, close: () => close({ sockets, connections, grpc, flusher, store, unlock: unlock! }) };
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
  throw new LayerhookError('LISTEN', { address, reason });
}

interface Running {
  sockets: SocketServer;
  connections: ConnectionInjector;
  grpc: Server;
  flusher: Flusher;
  store: Store;
  unlock: Unlock;
}

async function close({ sockets, connections, grpc, flusher, store, unlock }: Running): Promise<void> {
  sockets.close();
  connections.drain(GRACE);
  await shutDown(grpc);
  await flusher.close();
  await store.close();
  unlock();
}

function shutDown(grpc: Server): Promise<void> {
  return new Promise((done) => {
    const forced = setTimeout(() => grpc.forceShutdown(), GRACE);
    grpc.tryShutdown(() => {
      clearTimeout(forced);
      done();
    });
  });
}
