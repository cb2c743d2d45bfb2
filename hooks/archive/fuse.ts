import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Returns the options of the FUSE mount at `mountPoint` from the command line of the process that serves it: the mount itself
 * does not show them. Only processes of this user count, because any user may start a process with any command line.
 *
 * @param program path of the program that serves such mounts, such as /usr/bin/fuse-overlayfs
 * @returns undefined if no process serves it
 */
export function fuseOptions(mountPoint: string, program: string): string[] | undefined {
  const wanted = realPath(mountPoint);
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  // a later mount hides earlier ones
  for (const pid of processes.sort((a, b) => Number(b) - Number(a))) {
    const found = readProcess(pid, realPath(program));
    if (found?.mountPoint !== undefined && realPath(found.mountPoint) === wanted) return found.options;
  }
  return undefined;
}

function readProcess(pid: string, program: string): { mountPoint?: string; options: string[] } | undefined {
  const directory = `/proc/${pid}`;
  try {
    if (statSync(directory).uid !== process.geteuid!()) return undefined;
    if (readlinkSync(`${directory}/exe`).replace(/ \(deleted\)$/, '') !== program) return undefined;
    const words = readFileSync(`${directory}/cmdline`, 'utf8').split('\0').slice(1, -1);
    return readWords(words, readlinkSync(`${directory}/cwd`));
  } catch {
    // the process ended, or belongs to another user
    return undefined;
  }
}

/** Parses a command line of fuse-overlayfs(1): any number of `-o OPTIONS`, then the mount point. */
function readWords(words: string[], cwd: string): { mountPoint?: string; options: string[] } {
  const options: string[] = [];
  let mountPoint: string | undefined;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (word === '-o') options.push(...splitOptions(words[++at] ?? ''));
    else if (word.startsWith('-o')) options.push(...splitOptions(word.slice(2)));
    else if (!word.startsWith('-')) mountPoint = resolve(cwd, word);
  }
  return { ...(mountPoint !== undefined && { mountPoint }), options };
}

/** Splits at commas without a backslash before them. */
function splitOptions(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^\\,])+/g) ?? [];
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // the path is missing, or the daemon of a mount ended
    return resolve(path);
  }
}
