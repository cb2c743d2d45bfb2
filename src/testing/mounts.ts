import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Places at and below `directory` where something is mounted, in the order of mounting; proc_pid_mountinfo(5). */
export function mountsBelow(directory: string): string[] {
  const places = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((place) =>
      place.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number(`0o${octal}`))),
    );
  return places.filter((place) => place === directory || place.startsWith(`${directory}/`));
}

/** Takes away what is still mounted there, so that the directory can be removed. */
export function detachBelow(directory: string): void {
  for (const place of mountsBelow(directory).reverse()) execFileSync('umount', ['-l', place]);
}
