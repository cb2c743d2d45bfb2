import { fromText } from './bytes.js';
import { close } from './files.js';
import { check, libcFunction, result } from './libc.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** size of the path in an address, including the NUL; unix(7) */
const pathSize = 108;

const libcSocket =
  libcFunction<[domain: number, type: number, protocol: number]>('int socket(int, int, int)');
const libcSendto = libcFunction<
  [fd: number, text: Buffer, length: number, flags: number, address: Buffer, size: number]
>('long sendto(int, void*, size_t, int, void*, uint)');

/**
 * Reports a daemon's state to the service manager; sd_notify(3). node does not support unix datagram sockets.
 *
 * @param state lines such as `READY=1`
 * @param socket value of `$NOTIFY_SOCKET`: a path, or `@` and an abstract name
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

/** Returns a struct sockaddr_un: the family, followed by the path. An abstract name begins with a NUL. */
function addressOf(socket: string): Buffer {
  const path = Buffer.from(socket.replace(/^@/, '\0')).subarray(0, pathSize - 1);
  const address = Buffer.alloc(2 + path.length + (path[0] === 0 ? 0 : 1));
  address.writeUInt16LE(AF_UNIX);
  path.copy(address, 2);
  return address;
}
