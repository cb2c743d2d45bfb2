import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Sends a signal to a process as soon as it opens a file of this name. Does nothing if the process ends earlier. */
export async function signalOnOpen(pid: number, name: string, signal: NodeJS.Signals): Promise<void> {
  for (;;) {
    const open = openFiles(pid);
    if (open === null) return;
    if (open.some((path) => path.endsWith(`/${name}`))) break;
    await setTimeout(5);
  }
  process.kill(pid, signal);
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
