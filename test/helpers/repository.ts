import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Paths of the repository's files as git has them, relative to its root, where tests run. */
export function committedFiles(): string[] {
  const list = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], { encoding: 'utf8' });
  return list.split('\0').filter((path) => path !== '' && existsSync(path));
}
