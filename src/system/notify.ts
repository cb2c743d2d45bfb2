import { fromText } from './bytes.js';
import { close } from './files.js';
import { check, libcFunction, result } from './libc.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** room for a path in an address, with its NUL; unix(7) */
const PATH_ROOM = 108;

const libcSocket = libcFunction<[domain: number, type: number, protocol: number]>('socket', 'int', [
  'int',
  'int',
  'int',
]);
const libcSendto = libcFunction<
  [fd: number, text: Buffer, length: number, flags: number, address: Buffer, size: number]
>('sendto', 'long', ['int', 'void*', 'size_t', 'int', 'void*', 'uint']);

/**
 * Tells the service manager how a daemon is; sd_notify(3). Node has no datagram sockets of the unix kind.
 *
 * @param state lines such as `READY=1`
 * @param socket path, or `@` and an abstract name: what `$NOTIFY_SOCKET` is
 * @throws SystemError
 */
export function notify(state: string, socket: string): void {
  const address = addressOf(socket);
  const fd = check(result(libcSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), 'socket', fromText(socket));
  try {
    const text = Buffer.from(state);
    check(result(libcSendto(fd, text, text.length, 0, address, address.length)), 'sendto', fromText(socket));
  } finally {
    close(fd);
  }
}

/** A struct sockaddr_un: the family, then the path; an abstract name begins with a NUL. */
function addressOf(socket: string): Buffer {
  const path = Buffer.from(socket.replace(/^@/, '\0')).subarray(0, PATH_ROOM - 1);
  const address = Buffer.alloc(2 + path.length + (path[0] === 0 ? 0 : 1));
  address.writeUInt16LE(AF_UNIX);
  path.copy(address, 2);
  return address;
}
