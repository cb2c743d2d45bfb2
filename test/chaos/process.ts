/** What a trial asks of processes, and how its own end. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isLayerhookError } from '../../src/errors/index.js';

/** Returns what the descriptors of a process are open on, with numbers replaced. */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/g, '#')];
    } catch {
      return [];
    }
  });
}

/** Returns the anonymous memory of a process in bytes: the mapped database is not its own. */
export function ownMemory(pid: number): number {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))!;
  return Number(kilobytes) * 1024;
}

/** Ends this process with one line for an error of ours. Any other error is shown with its stack, which a trial refuses. */
export function endClearly(error: unknown): never {
  if (!isLayerhookError(error)) throw error;
  console.error(`layerhook: ${error.message}; ${error.hint}`);
  process.exit(1);
}
