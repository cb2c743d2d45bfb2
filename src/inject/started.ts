import { readFileSync } from 'node:fs';
import type { ProcessState } from '../system/become.js';
import { type ByteString, fromBuffer } from '../system/bytes.js';

/** Variables of the launcher (hooks/layerhook-runtime) with the state of the process before node changed it. */
const variables = ['LAYERHOOK_STARTED', 'LAYERHOOK_FDS'] as const;

/** The state of the process as the engine started it, before node changed it. */
export interface Started {
  /** command line without the program */
  args: ByteString[];
  env: ByteString[];
  state: ProcessState;
}

/**
 * Reads what the launcher recorded: environment, signal mask and dispositions, RLIMIT_NOFILE, open descriptors. Without
 * a launcher, these have their present values, and the caller must add the descriptors that the engine announces.
 *
 * @param count number of arguments, after those of node
 */
export function readStarted(count: number): Started {
  const args = split(fromBuffer(readFileSync('/proc/self/cmdline')));
  const [notes = '', fds = ''] = variables.map((name) => process.env[name]);
  const text = Buffer.from(notes, 'base64').toString('latin1');
  const environmentEnd = text.lastIndexOf('\0') + 1;
  const status = text.slice(environmentEnd);
  const isNoted = status !== '' && !status.startsWith(environmentLeftOut);
  return {
    args: count === 0 ? [] : args.slice(-count),
    env: isNoted ? split(text.slice(0, environmentEnd)) : ownEnvironment(),
    state: { ...parseStatus(status), fds: toFds(fds) },
  };
}

/** First line of a record without the environment. */
const environmentLeftOut = 'Environment: left out\n';

/** Returns the environment that the launcher's shell passed on. */
function ownEnvironment(): ByteString[] {
  const environment = split(fromBuffer(readFileSync('/proc/self/environ')));
  return environment.filter((entry) => !variables.some((name) => entry.startsWith(`${name}=`)));
}

function toFds(list: string | undefined): number[] {
  return (list ?? '')
    .split(' ')
    .map(Number)
    .filter((fd) => fd > 2);
}

/** Parses lines of /proc/PID/status and /proc/PID/limits; proc(5). */
function parseStatus(text: ByteString): Omit<ProcessState, 'fds'> {
  const hex = (name: string) => {
    const digits = new RegExp(`^${name}:\\s*([0-9a-f]{1,16})$`, 'm').exec(text)?.[1];
    return digits === undefined ? undefined : BigInt(`0x${digits}`);
  };
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1];
  return {
    blockedSignals: hex('SigBlk'),
    ignoredSignals: hex('SigIgn'),
    openFiles: soft === undefined ? undefined : soft === 'unlimited' ? 2n ** 64n - 1n : BigInt(soft),
  };
}

/** Splits strings that each end with a NUL. */
function split(content: ByteString): ByteString[] {
  return content.split('\0').slice(0, -1);
}
