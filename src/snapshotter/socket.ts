import { once } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { errorCode, systemWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { nearestDirectory } from '../system/make-directory.js';

/** file descriptor of the first socket from systemd; sd_listen_fds(3) */
const firstPassed = 3;
/** maximum length of a socket's path in bytes, without the NUL; unix(7) */
const longestPath = 107;
/** hint for errors that only another address avoids */
const elsewhere = 'choose another address';

/**
 * Listens on a unix socket that only this user may connect to, or on the socket that systemd has passed. Replaces a socket
 * on which no process listens.
 *
 * @throws LayerhookError LISTEN
 */
export async function listen(address: string, env: NodeJS.ProcessEnv = process.env): Promise<Server> {
  const server = createServer();
  try {
    if (hasPassedSocket(env)) server.listen({ fd: firstPassed });
    else {
      requirePlace(address);
      await removeStale(address);
      listenPrivately(server, address);
    }
    if (!server.listening) await once(server, 'listening');
  } catch (error) {
    if (error instanceof LayerhookError) throw error;
    throw cannotListen(address, systemWords(error), elsewhere, error);
  }
  return server;
}

function hasPassedSocket({ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv): boolean {
  return LISTEN_PID === String(process.pid) && Number(LISTEN_FDS) === 1;
}

/** Creates the socket with mode 0600 from the start, so that other users can never connect. */
function listenPrivately(server: Server, path: string): void {
  const before = process.umask(0o177);
  try {
    server.listen({ path });
  } finally {
    process.umask(before);
  }
}

/** Checks the address first, because node and libuv report EACCES for a missing directory. */
function requirePlace(path: string): void {
  if (Buffer.byteLength(path) > longestPath)
    throw cannotListen(path, `it is longer than ${longestPath} bytes`, elsewhere);
  const parent = dirname(path);
  if (nearestDirectory(parent) === parent) return;
  throw cannotListen(path, `the directory ${parent} is missing`, `create it, or ${elsewhere}`);
}

async function removeStale(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw cannotListen(path, 'it exists and is not a socket', elsewhere);
  if (await isListening(path))
    throw cannotListen(path, 'another process listens there', `stop it, or ${elsewhere}`);
  unlinkSync(path);
}

async function isListening(path: string): Promise<boolean> {
  const connection = createConnection({ path });
  try {
    await once(connection, 'connect');
    return true;
  } catch (error) {
    if (errorCode(error) === 'ECONNREFUSED' || errorCode(error) === 'ENOENT') return false;
    throw error;
  } finally {
    connection.destroy();
  }
}

function cannotListen(address: string, reason: string, expected: string, cause?: unknown): LayerhookError {
  return new LayerhookError('LISTEN', { address, reason, expected }, cause);
}
