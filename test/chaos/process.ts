import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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
