import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from './until.js';

/** Sends a signal to a process as soon as it opens a file of this name. Does nothing if the process ends earlier. */
export async function signalOnOpen(pid: number, name: string, signal: NodeJS.Signals): Promise<void> {
  const isOpen = () => openFiles(pid)?.some((path) => path.endsWith(`/${name}`)) ?? true;
  await until(`process ${pid} opens ${name}, or ends`, isOpen, 5);
  signalIfRunning(pid, signal);
}

/** Sends a signal to a process that may have ended by itself. */
export function signalIfRunning(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** True if a child process has exited, or a signal has ended it. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** True if a process runs: a zombie, whose parent has not noticed its end, does not. proc_pid_stat(5) */
export function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Returns the paths of the open files of a process; null if it has ended. */
function openFiles(pid: number): string[] | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  } catch {
    return null;
  }
}
