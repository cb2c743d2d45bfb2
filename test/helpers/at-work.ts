import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Sends a signal to a process as soon as it has a file of this name open. Nothing happens if it ends before that. */
export async function signalOnOpen(pid: number, name: string, signal: NodeJS.Signals): Promise<void> {
  for (;;) {
    const open = openFiles(pid);
    if (open === null) return;
    if (open.some((path) => path.endsWith(`/${name}`))) break;
    await setTimeout(5);
  }
  process.kill(pid, signal);
}

/** Paths of the files that a process has open; null if it has ended. */
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
