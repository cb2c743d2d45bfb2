import { type ByteString, fromText } from './bytes.js';
import { libcFunction } from './libc.js';

const LOG_PID = 1;
const LOG_DAEMON = 3 << 3;

/** Priorities of syslog(3). */
export const SYSLOG = { crit: 2, err: 3, warning: 4, notice: 5, info: 6, debug: 7 } as const;

// openlog keeps the address of this buffer, which must stay valid
const identity = Buffer.alloc(256);

/**
 * Opens a connection to the syslog daemon, with the facility `daemon`; openlog(3), syslog(3). If no daemon is running,
 * messages are lost silently.
 *
 * @param name prefix of the messages, at most 255 bytes; the process id follows it
 * @returns a function that writes one line with a priority of {@link SYSLOG}
 */
export function openSyslog(name: ByteString): (priority: number, line: string) => void {
  const openlog = libcFunction<[Buffer, number, number]>('int openlog(void*, int, int)');
  const syslog = libcFunction<[number, Buffer, Buffer]>('int syslog(int, void*, void*)');
  identity.fill(0).write(name.slice(0, identity.length - 1), 'latin1');
  openlog(identity, LOG_PID, LOG_DAEMON);
  const format = Buffer.from('%s\0');
  return (priority, line) => {
    const text = fromText(line.replaceAll('\0', ' '));
    syslog(priority, format, Buffer.from(`${text}\0`, 'latin1'));
  };
}
