import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The options of the FUSE mount at `mountPoint`, as the process that serves it was given them: the mount itself does not
 * show them. Only processes of this user count, for anyone may start one that says anything.
 *
 * @param program path of what serves such mounts, such as /usr/bin/fuse-overlayfs
 * @returns undefined if there is no such process
 */
export function fuseOptions(mountPoint: string, program: string): string[] | undefined {
  const wanted = realPath(mountPoint);
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  // the mount that was made last is the one that is seen
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
    // it has ended, or is not ours to look at
    return undefined;
  }
}

/** fuse-overlayfs(1): options by `-o`, which may be given several times, then the mount point. */
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

/** Separated by commas that no backslash stands before. */
function splitOptions(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^\\,])+/g) ?? [];
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // the daemon of a mount may have gone, or nothing is there
    return resolve(path);
  }
}
